#pragma once
// Planted bugs (mutants): faults of the kind that a tired engineer makes, written into the product
// where they would be made. Tests that are worth their time find every one of them.
//
//   if (run.state == RunState::paused && !PAWL_MUTANT(claim_while_paused)) return 0;
//
// In every build but one PAWL_MUTANT(name) is the constant false: no code, no branch. Configured
// with -DPAWL_MUTANTS=ON all of them are compiled in, and the one that the environment variable
// PAWL_MUTANT names, or set_mutant(), is on. `make sim-mutants` switches on one after the other and
// demands that the simulation's checkers catch it.
//
// The table is the only list: a line each with the name, the mistake, and the promise it breaks.
// Write PAWL_MUTANT last in a condition: it counts how often the mistake was made.

#include <cstdint>
#include <string_view>

// clang-format off
#define PAWL_MUTANT_TABLE(X)                                                                       \
  /* core/decide: claims, reports and their fence */                                               \
  X(claim_while_paused, "a paused run hands out tasks", "pause stops dispatch")                    \
  X(attempt_reused, "a new attempt keeps the number of the last one", "attempts have no gap")      \
  X(lease_reused, "every attempt gets the same lease", "a fence is given out once")                \
  X(fence_unchecked, "a late report ends the live attempt", "a stale report changes nothing")      \
  X(report_from_anyone, "a report needs only the task's number",                                   \
    "a stale report changes nothing")                                                              \
  X(output_dropped, "outputs of a completed attempt are not kept", "outputs arrive downstream")    \
  X(output_kept_at_reset, "a reopened task keeps its old outputs",                                 \
    "outputs are the last attempt's")                                                              \
  X(checkpoint_dropped, "a reported checkpoint is not kept", "the next attempt gets it back")      \
  X(failure_kept, "a completed task keeps the error of an earlier attempt", "why is true")         \
  X(release_after_cancel, "a given back attempt is queued though it was cancelled",                \
    "nothing starts after a cancel")                                                               \
  X(expression_failure_forgotten, "a claim that fails does not settle the task",                   \
    "every run ends")                                                                              \
  /* core/decide: retry, recovery */                                                               \
  X(retry_off_by_one, "one attempt more than max_attempts", "max_attempts")                        \
  X(retry_too_few, "one attempt less than max_attempts", "max_attempts")                           \
  X(retry_no_backoff, "the next attempt is queued at once", "backoff")                             \
  X(backoff_not_doubled, "every wait is as long as the first", "backoff")                          \
  X(loss_counts_as_failure, "a lost attempt uses up a retry", "a loss costs no attempt")           \
  X(no_retry_retried, "exit 78 is retried", "no_retry")                                            \
  X(try_later_counts, "exit 75 uses up a retry", "try later costs no attempt")                     \
  X(rule_unbounded, "a recovery rule applies for ever", "max of a rule")                           \
  X(cancelled_attempt_retried, "an attempt that fails after a cancel is retried",                  \
    "nothing starts after a cancel")                                                               \
  X(params_not_set, "parameters that a person edits are not kept", "edited parameters hold")       \
  /* core/decide: the graph */                                                                     \
  X(condition_ignored, "a task runs though its condition is false", "conditions")                  \
  X(condition_error_passes, "a condition that cannot be evaluated counts as true", "conditions")   \
  X(skip_not_propagated, "a task runs though its need was skipped", "needs")                       \
  X(failed_need_ignored, "a task runs though its need failed", "needs")                            \
  X(needs_off_by_one, "a task opens when all needs but one have ended", "needs")                   \
  X(allowed_failure_stops, "an allowed failure stops what needs it", "allow_failure")              \
  X(last_element_forgotten, "a fan-out makes no row for its last element", "fan-out is whole")     \
  X(max_parallel_off_by_one, "one element more than max_parallel runs", "max_parallel")            \
  X(element_kept, "a reopened fan-out keeps elements whose item changed",                          \
    "outputs are the last attempt's")                                                              \
  X(rollup_ignores_failed, "a group with a failed member completes", "roll-up")                    \
  X(rollup_ignores_cancelled, "a group with a cancelled member completes", "roll-up")              \
  X(rollup_of_skipped, "a group of skipped members completes", "roll-up")                          \
  X(run_ignores_finally, "a failed finally task does not fail the run", "roll-up")                 \
  X(run_failed_completes, "a failed run counts as completed when it warned", "roll-up")            \
  X(finally_skipped_on_cancel, "a cancel ends the finally tasks too", "finally always runs")       \
  X(finally_too_early, "finally begins before the last task has ended", "finally runs last")       \
  X(skipped_not_settled, "the end of a skipped task is not told to the run", "every run ends")     \
  X(cancel_misses_queued, "a cancel forgets queued tasks", "nothing starts after a cancel")        \
  X(cancel_misses_child, "a cancel does not reach child runs", "nothing starts after a cancel")    \
  X(resume_forgets_retries, "resume forgets retries that fell due", "every run ends")              \
  X(resume_forgets_children, "resume forgets child runs that a pause held back",                   \
    "every run ends")                                                                              \
  X(queue_timeout_while_paused, "the queue timeout counts while the run is paused",                \
    "pause is harmless")                                                                           \
  X(gate_timeout_approves, "a gate's timeout approves whatever it says", "gates")                  \
  X(gate_not_asked, "of several open gates the first is approved", "gates")                        \
  X(gate_answer_dropped, "the data of an approval is not kept", "outputs arrive downstream")       \
  X(child_output_dropped, "outputs of a child run are not kept", "outputs arrive downstream")      \
  X(child_failure_ignored, "a failed child run completes its task", "roll-up")                     \
  X(child_end_unfenced, "the end of an earlier child run ends the task",                           \
    "a stale report changes nothing")                                                              \
  X(recover_reruns_upstream, "recover runs everything again", "what is done is not redone")        \
  X(recover_misses_downstream, "recover keeps what depends on a group",                            \
    "recover reruns downstream")                                                                   \
  X(retry_reruns_completed, "retry reruns completed tasks downstream",                             \
    "what is done is not redone")                                                                  \
  X(unbegun_group_left, "a member runs again, and its group that never began does not", "needs")   \
  X(recover_loses_source, "a recovered run is not linked to its source", "recover links runs")     \
  /* core/decide: time, events, counters */                                                        \
  X(timer_lost, "a timer beside others is not armed", "timers fire")                               \
  X(timer_early, "a timer fires with one that is due up to a second before",                       \
    "timers are not early")                                                                        \
  X(sleep_short, "a sleep is a tenth too short", "timers are not early")                           \
  X(event_missing, "a skip makes no event", "events tell the state")                               \
  X(event_gap, "a lost attempt leaves a gap in the event numbers", "events have no gap")           \
  X(count_kept, "the count of retrying tasks is not lowered", "counters are true")                 \
  X(pause_not_written, "a pause stays in memory", "what was acknowledged survives")                \
  /* core: what is stored, and why */                                                              \
  X(cancel_asked_not_stored, "that an attempt was cancelled is not stored",                        \
    "nothing starts after a cancel")                                                               \
  X(cancelling_not_stored, "that a run is being cancelled is not stored", "roll-up")               \
  X(wake_not_stored, "gates lose their timeout when they are stored", "timers fire")               \
  X(failures_not_stored, "failures are not stored", "max_attempts")                                \
  X(timers_not_rebuilt, "a run that is read again has no retry timers", "timers fire")             \
  X(fan_out_next_lost, "a stored fan-out believes that all elements were opened",                  \
    "every run ends")                                                                              \
  X(why_stale_need, "why blames a need that has ended", "why is true")                             \
  X(why_ignores_pause, "why blames slots for what a pause holds back", "why is true")              \
  /* engine */                                                                                     \
  X(answer_before_commit, "callers are answered before the commit",                                \
    "what was acknowledged survives")                                                              \
  X(assign_before_commit, "assignments leave before their commit", "effects follow the commit")    \
  X(receipt_before_commit, "a report's receipt leaves before its commit",                          \
    "what was acknowledged survives")                                                              \
  X(failed_commit_ignored, "a failed commit is taken for done", "what was acknowledged survives")  \
  X(failed_commit_kept, "what a failed commit touched stays in memory", "every run ends")          \
  X(unknown_commit_forgotten, "a commit of unknown outcome is taken for failed",                   \
    "every run ends")                                                                              \
  X(progress_taken_twice, "progress is recorded again where a failed commit was done",             \
    "what is reported once is recorded once")                                                      \
  X(replay_dropped, "reports of a failed commit are dropped", "every run ends")                    \
  X(key_not_stored, "the idempotency key is not stored", "one run per key")                        \
  X(key_forgotten_in_flight, "a key in flight is not looked at", "one run per key")                \
  X(key_fingerprint_ignored, "a key may be used for something else", "one run per key")            \
  X(limit_off_by_one, "one run more than the concurrency limit", "concurrency limit")              \
  X(limit_ignored_on_retry, "a retried run does not ask for its key", "concurrency limit")         \
  X(key_not_given_on, "a cancelled run's key is not given on", "every run ends")                   \
  X(keys_given_too_soon, "a key is given on while its holders are read again",                     \
    "concurrency limit")                                                                           \
  X(requeued_too_soon, "attempts are taken for lost while holders are read again",                 \
    "concurrency limit")                                                                           \
  X(holders_read_late, "runs are admitted before the holders are known", "concurrency limit")      \
  X(resource_ignored, "one attempt more than the resource allows", "resource limit")               \
  X(resource_leaked, "a failed attempt keeps its resources", "every run ends")                     \
  X(resource_kept_by_drop, "resources of a failed commit are not given back", "every run ends")    \
  X(rearm_forgotten, "an earlier timer of a run does not replace a later one",                     \
    "timers are not late")                                                                         \
  X(orphans_forgotten, "attempts that nobody holds after a restart stay", "every run ends")        \
  X(adopt_by_task, "a worker that holds an old attempt is taken for the live one's",               \
    "every run ends")                                                                              \
  X(leave_forgets_leases, "a worker that leaves takes its tasks along", "every run ends")          \
  X(late_joiner_loses, "what outlived the engine is lost where its run was read first",            \
    "one live attempt")                                                                            \
  X(slots_offered_twice, "a replayed report offers its slots again", "slots")                      \
  X(refused_recover_starts, "a refused recover leaves its child runs to the next run",             \
    "one child run an attempt")                                                                    \
  X(child_started_twice, "a task starts two child runs", "one child run an attempt")               \
  X(version_kept, "a write does not raise the run's version", "versions grow")                     \
  X(event_chunk_dropped, "sealed history is not written", "events have no gap")                    \
  X(payload_dropped, "large outputs are not written", "outputs arrive downstream")                 \
  X(open_column_wrong, "a paused run's columns say that it has ended", "columns agree")            \
  X(joins_one_by_one, "the first worker to join decides what the others lost",                     \
    "one live attempt")                                                                            \
  X(worker_number_dropped, "a worker's number is given again in the next life",                   \
    "every run ends")                                                                              \
  X(missed_events_forgotten, "events whose telling failed are not told again",                     \
    "events have no gap")                                                                          \
  /* store */                                                                                      \
  X(store_cell_kept, "a task's larger belongings are written once only",                           \
    "what was acknowledged survives")                                                              \
  X(store_run_dropped, "the last run of a larger batch is not written",                            \
    "what was acknowledged survives")                                                              \
  X(store_scan_misses, "reopened runs are not found at start-up", "every run ends")                \
  X(store_key_dropped, "idempotency keys are not written beside two runs", "one run per key")
// clang-format on

namespace pawl {

enum class Mutant : std::uint8_t {
  none,
#define PAWL_MUTANT_NAME(name, mistake, promise) name,
  PAWL_MUTANT_TABLE(PAWL_MUTANT_NAME)
#undef PAWL_MUTANT_NAME
};

// False where there is no such mutant, or the build has none. "" switches off.
bool set_mutant(std::string_view name);
std::string_view current_mutant();  // "" none
std::uint64_t mutant_count();       // how often the mistake was made since it was switched on

#ifdef PAWL_MUTANTS
namespace mutant_detail {
bool strikes(Mutant m);
}
#define PAWL_MUTANT(name) (::pawl::mutant_detail::strikes(::pawl::Mutant::name))
#else
#define PAWL_MUTANT(name) (::pawl::Mutant::name == ::pawl::Mutant::none)
#endif

}  // namespace pawl
