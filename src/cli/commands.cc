#include "cli/commands.h"

#include <algorithm>
#include <array>

#include "cli/commands_serving.h"

namespace pawl::cli {

namespace {

// Headings of the overview, in its order.
constexpr std::string_view kRunning = "Run";
constexpr std::string_view kLooking = "Look";
constexpr std::string_view kSteering = "Steer";
constexpr std::string_view kTasks = "Inside a task";
constexpr std::string_view kCare = "Care";

// -- Flags and arguments that several commands share

const ArgSpec kRun{.name = "RUN", .complete = Complete::run};
const ArgSpec kRuns{.name = "RUN", .many = true, .complete = Complete::run};
const ArgSpec kTask{.name = "TASK", .optional = true};
const ArgSpec kFile{.name = "FILE", .complete = Complete::file};

const FlagSpec kInput{.name = "input",
                      .letter = 'i',
                      .kind = FlagKind::pair,
                      .value = "NAME=VALUE",
                      .help = "an input; read as the type the workflow declares",
                      .repeat = true,
                      .common = true};
const FlagSpec kInputs{.name = "inputs",
                       .kind = FlagKind::text,
                       .value = "FILE|-",
                       .help = "inputs as one JSON object; -i goes over it",
                       .common = true};
const FlagSpec kSet{.name = "set",
                    .kind = FlagKind::pair,
                    .value = "NAME=VALUE",
                    .help = "a parameter of the task, from now on",
                    .repeat = true,
                    .common = true};
const FlagSpec kProgress{.name = "progress",
                         .kind = FlagKind::choice,
                         .value = "HOW",
                         .help = "how progress is shown on stderr",
                         .fallback = "auto",
                         .choices = "auto|tty|plain|json|none"};
const FlagSpec kFailOn{.name = "fail-on",
                       .kind = FlagKind::choice,
                       .value = "VERDICT",
                       .help = "the mildest verdict that exits 4",
                       .fallback = "fail",
                       .choices = "warning|fail"};
const FlagSpec kMessage{.name = "message",
                        .letter = 'm',
                        .kind = FlagKind::text,
                        .value = "TEXT",
                        .help = "why; kept in the run's history",
                        .common = true};

constexpr std::string_view kRunNames =
    "RUN is the number that `pawl ls` shows. @last is the newest run, @last-failed the newest that "
    "failed.";

const FlagSpec kSlots{.name = "slots",
                      .kind = FlagKind::integer,
                      .value = "N",
                      .help = "tasks at once (default: two a processor, at least 4)",
                      .common = true};
const FlagSpec kResource{.name = "resource",
                         .kind = FlagKind::pair,
                         .value = "NAME=N",
                         .help = "what this machine has, such as gpu=2",
                         .repeat = true};

CommandSpec run_command() {
  return {
      .name = "run",
      .summary = "run a workflow file to its end, with live progress",
      .group = kRunning,
      .args = {kFile},
      .flags = {kInput,
                kInputs,
                {.name = "name",
                 .kind = FlagKind::text,
                 .value = "TEXT",
                 .help = "what lists show; goes over the file's run_name"},
                {.name = "label",
                 .kind = FlagKind::pair,
                 .value = "NAME=VALUE",
                 .help = "a label, to find the run by",
                 .repeat = true},
                kProgress,
                kSlots,
                kResource,
                kFailOn,
                {.name = "idempotency-key",
                 .kind = FlagKind::text,
                 .value = "KEY",
                 .help = "start at most one run for this key; later ones follow the first"}},
      .examples = {{"pawl run nightly.yaml -i day=2026-01-31", "run with an input"},
                   {"pawl run nightly.yaml --inputs day.json --json > result.json",
                    "inputs from a file, the result as JSON"},
                   {"pawl run train.yaml --slots 4 --resource gpu=2",
                    "four tasks at once, two GPUs between them"}},
      .details =
          "Every state is saved before the next step. Where the machine or the process dies, the "
          "next "
          "`pawl watch RUN` (or any command that opens the data directory) carries the run on; "
          "what "
          "is done is not done again.\n\n"
          "The exit code is the outcome: `pawl help exit-codes`. Ctrl-C stops cleanly and says how "
          "to "
          "carry on.",
  };
}

CommandSpec worker_command() {
  return {
      .name = "worker",
      .summary = "carry out tasks of a server on this machine",
      .group = kRunning,
      .flags = {{.name = "server",
                 .kind = FlagKind::text,
                 .value = "URL",
                 .help = "the server, such as http://10.0.0.5:7070 (or $PAWL_SERVER)",
                 .common = true},
                {.name = "queue",
                 .kind = FlagKind::text,
                 .value = "NAME",
                 .help = "a queue to serve (default: every queue)",
                 .repeat = true,
                 .common = true},
                kSlots,
                {.name = "label",
                 .kind = FlagKind::pair,
                 .value = "NAME=VALUE",
                 .help = "what this machine is, for people and lists",
                 .repeat = true},
                {.name = "name",
                 .kind = FlagKind::text,
                 .value = "TEXT",
                 .help = "what lists call it (default: host and process)"},
                {.name = "token-file",
                 .kind = FlagKind::text,
                 .value = "FILE",
                 .help = "the file that holds its token (or $PAWL_TOKEN_FILE)",
                 .common = true},
                {.name = "grace",
                 .kind = FlagKind::duration,
                 .value = "DURATION",
                 .help = "how long what runs may go on once told to stop",
                 .fallback = "60s"}},
      .examples = {{"pawl worker --server http://10.0.0.5:7070 --token-file token",
                    "every queue, two tasks a processor"},
                   {"pawl worker --server http://localhost:7070 --queue gpu --slots 2",
                    "two tasks at once, of one queue"}},
      .details =
          "Its data (--data, default ./.pawl-worker) is a directory of its own: the same "
          "directory is the same worker. Tasks outlive the worker; started again, it goes on "
          "with them. While the server is away they run on, and their results are delivered "
          "when it is back.\n\n"
          "TERM or Ctrl-C: nothing new is taken, and what runs may end, for --grace; then it is "
          "stopped and given back. Once more: the worker leaves at once, its tasks run on."};
}

std::vector<CommandSpec> running() {
  return {
      run_command(),
      {.name = "watch",
       .summary = "follow a run; carry it on where nobody else does",
       .group = kRunning,
       .args = {kRun},
       .flags = {kProgress, kSlots, kResource, kFailOn},
       .examples = {{"pawl watch 41", "follow it to its end"},
                    {"pawl watch @last --progress plain", "a line a change, for logs"}},
       .details = kRunNames},
      {.name = "wait",
       .summary = "wait until runs have ended; the worst outcome is the exit code",
       .group = kRunning,
       .args = {kRuns},
       .flags = {kFailOn},
       .examples = {{"pawl wait 41 42 --timeout 2h", "both, but no longer than two hours"}},
       .details = "Prints nothing but the outcome of each. With --timeout the runs go on after it "
                  "has passed; the exit code is then 124."},
      {.name = "validate",
       .summary = "check workflow files; all errors at once, exit 6 on any",
       .group = kRunning,
       .args = {{.name = "FILE", .many = true, .complete = Complete::file}},
       .examples = {{"pawl validate nightly.yaml",
                     "with file, line, column and what to write instead"},
                    {"pawl validate flows/*.yaml --json", "for editors and CI"}}},
      {.name = "plan",
       .summary = "show what would run, in what order; start nothing",
       .group = kRunning,
       .args = {kFile},
       .flags = {kInput, kInputs},
       .examples = {{"pawl plan nightly.yaml -i day=2026-01-31",
                     "tasks, and what each waits for"}}},
      worker_command(),
  };
}

CommandSpec ls_command() {
  return {.name = "ls",
          .summary = "list runs, the newest first",
          .group = kLooking,
          .flags = {{.name = "state",
                     .kind = FlagKind::choice,
                     .value = "STATE",
                     .help = "runs in this state",
                     .choices = "pending|running|paused|completed|failed|cancelled|recovering",
                     .repeat = true,
                     .common = true},
                    {.name = "verdict",
                     .kind = FlagKind::choice,
                     .value = "VERDICT",
                     .help = "runs with this verdict",
                     .choices = "pass|warning|fail|none",
                     .repeat = true},
                    {.name = "workflow",
                     .kind = FlagKind::text,
                     .value = "NAME",
                     .help = "runs of this workflow",
                     .common = true},
                    {.name = "label",
                     .kind = FlagKind::pair,
                     .value = "NAME=VALUE",
                     .help = "runs with this label",
                     .repeat = true},
                    {.name = "since",
                     .kind = FlagKind::text,
                     .value = "WHEN",
                     .help = "begun after a time (RFC 3339) or within a duration (2d)"},
                    {.name = "limit",
                     .kind = FlagKind::integer,
                     .value = "N",
                     .help = "at most so many",
                     .fallback = "50",
                     .common = true}},
          .examples = {{"pawl ls", "the newest runs"},
                       {"pawl ls --state failed --since 2d", "what failed in two days"},
                       {"pawl ls -q --label team=ads", "ids only, for scripts"}},
          .details =
              "In a pipe the list is tab-separated, whole and without a head line. -q prints ids "
              "only."};
}

std::vector<CommandSpec> looking() {
  return {
      ls_command(),
      {.name = "show",
       .summary = "show a run: its tasks, outputs and what went wrong",
       .group = kLooking,
       .args = {kRun},
       .examples = {{"pawl show 41", "one page"},
                    {"pawl show @last --json", "the object that `pawl run --json` prints"}},
       .details = kRunNames},
      {.name = "logs",
       .summary = "print what tasks printed",
       .group = kLooking,
       .args = {kRun, kTask},
       .flags =
           {{.name = "follow", .letter = 'f', .help = "go on as more is printed", .common = true},
            {.name = "tail",
             .kind = FlagKind::integer,
             .value = "N",
             .help = "the last N lines only",
             .common = true},
            {.name = "attempt",
             .kind = FlagKind::integer,
             .value = "N",
             .help = "of this attempt (default: the last)"},
            {.name = "grep",
             .kind = FlagKind::text,
             .value = "TEXT",
             .help = "lines that hold this text, as it is written",
             .common = true}},
       .examples = {{"pawl logs 41 train -f", "follow one task"},
                    {"pawl logs 41 --grep 'loss='", "lines of every task that hold a text"},
                    {"pawl logs 41 'clean[3]' --attempt 1 --tail 20",
                     "how the first attempt of an element ended"}}},
      {.name = "why",
       .summary = "say why a run or task waits, failed or was skipped, and what would help",
       .group = kLooking,
       .args = {kRun, kTask},
       .examples = {{"pawl why 41", "all that waits"}, {"pawl why 41 load", "one task"}}},
      {.name = "history",
       .summary = "list all that happened to a run, in order",
       .group = kLooking,
       .args = {kRun},
       .flags = {{.name = "task",
                  .kind = FlagKind::text,
                  .value = "TASK",
                  .help = "of this task only",
                  .common = true}},
       .examples = {{"pawl history 41", "who and what moved it, and when"}}},
      {.name = "graph",
       .summary = "draw a run's or a file's tasks",
       .group = kLooking,
       .args = {{.name = "RUN|FILE", .complete = Complete::file}},
       .flags = {{.name = "format",
                  .letter = 'o',
                  .kind = FlagKind::choice,
                  .value = "FORMAT",
                  .help = "of the drawing",
                  .fallback = "tree",
                  .choices = "tree|dot|mermaid",
                  .common = true}},
       .examples = {{"pawl graph nightly.yaml", "as a tree, in the terminal"},
                    {"pawl graph 41 -o dot | dot -Tsvg > run.svg", "with Graphviz"}}},
  };
}

std::vector<CommandSpec> steering() {
  return {
      {.name = "pause",
       .summary = "start no more tasks of a run; those that run end",
       .group = kSteering,
       .args = {kRuns},
       .flags = {kMessage},
       .examples = {{"pawl pause 41 -m 'disk is being swapped'", "with the reason"}}},
      {.name = "resume",
       .summary = "go on with a paused run",
       .group = kSteering,
       .args = {kRuns},
       .examples = {{"pawl resume 41", "where it stopped"}}},
      {.name = "cancel",
       .summary = "end a run and the processes of its tasks",
       .group = kSteering,
       .args = {kRuns},
       .flags = {kMessage},
       .examples = {{"pawl cancel 41", "TERM first, KILL after kill_after"}}},
      {.name = "retry",
       .summary = "run failed tasks again, and all that waits for them",
       .group = kSteering,
       .args = {kRun},
       .flags = {{.name = "from",
                  .kind = FlagKind::text,
                  .value = "TASK",
                  .help = "this one only (default: all that failed)",
                  .repeat = true,
                  .common = true},
                 kSet},
       .examples = {{"pawl retry 41", "all that failed"},
                    {"pawl retry 41 --from train --set batch_size=4096",
                     "one, with another value"}},
       .details =
           "Outputs of completed tasks are kept and used. A task finds its last checkpoint."},
      {.name = "recover",
       .summary = "run again from a task on, reusing all before it",
       .group = kSteering,
       .args = {kRun},
       .flags = {{.name = "from",
                  .kind = FlagKind::text,
                  .value = "TASK",
                  .help = "the first task to run again",
                  .common = true,
                  .required = true},
                 kSet,
                 kInput},
       .examples = {{"pawl recover 41 --from train", "train and all that needs it"},
                    {"pawl recover 41 --from train --set epochs=20 -i day=2026-02-01",
                     "with another parameter and input"}},
       .details =
           "A completed run stays as it is: recovering it begins a new run that is linked to "
           "the old one and takes over its outputs."},
  };
}

std::vector<CommandSpec> gates() {
  return {
      {.name = "approve",
       .summary = "open a gate",
       .group = kSteering,
       .args = {kRun, kTask},
       .flags = {kMessage,
                 {.name = "input",
                  .letter = 'i',
                  .kind = FlagKind::pair,
                  .value = "NAME=VALUE",
                  .help = "a field of the gate's form",
                  .repeat = true,
                  .common = true}},
       .examples = {{"pawl approve 41", "where one gate waits"},
                    {"pawl approve 41 load -m 'checked the sample'", "one of several"},
                    {"pawl approve 41 load -i limit=1000", "one that asks for a limit"}}},
      {.name = "reject",
       .summary = "close a gate; the run ends as rejected",
       .group = kSteering,
       .args = {kRun, kTask},
       .flags = {kMessage},
       .examples = {{"pawl reject 41 -m 'rows are missing'", "with the reason"}}},
  };
}

std::vector<CommandSpec> within_tasks() {
  return {
      {.name = "emit",
       .summary = "report progress, metrics, warnings from a task's script",
       .group = kTasks,
       .args = {{.name = "KIND",
                 .complete = Complete::choice,
                 .choices = "progress|metric|warning|failure-class|checkpoint"},
                {.name = "VALUE", .many = true}},
       .flags = {{.name = "unit",
                  .kind = FlagKind::text,
                  .value = "WORD",
                  .help = "what progress counts, such as epoch",
                  .common = true}},
       .examples = {{"pawl emit progress 3/10 --unit epoch", "how far it is; 3 alone, or 30%, too"},
                    {"pawl emit metric loss=0.31 auc=0.9", "what it measured"},
                    {"pawl emit warning '12 rows had no label'",
                     "the run completes with a warning"},
                    {"pawl emit failure-class cuda_oom", "what kind of failure the exit will be"},
                    {"pawl emit checkpoint best",
                     "the checkpoint as it is now is the best so far"}},
       .details =
           "Appends one JSON line to the file that $PAWL_EVENTS names, in one write, so that "
           "several processes of a task can report at once."},
  };
}

std::vector<CommandSpec> care() {
  return {
      {.name = "doctor",
       .summary = "look for what would keep runs from working here",
       .group = kCare,
       .examples = {{"pawl doctor", "only what is wrong, each with a remedy; exit 1 on any"}}},
      {.name = "backup",
       .summary = "copy the data directory, also while it is in use",
       .group = kCare,
       .args = {{.name = "DIR", .complete = Complete::file}},
       .examples = {{"pawl backup /backups/2026-01-31",
                     "a directory of its own, read and checked"}},
       .details =
           "The copy is of one moment, whole and synced, or it is not there. It is a data "
           "directory itself: `pawl ls --data DIR` looks into it. What runs meanwhile goes on; in "
           "the copy its attempts count as lost and start again from their checkpoints."},
      {.name = "restore",
       .summary = "make the data directory from a backup",
       .group = kCare,
       .args = {{.name = "DIR", .complete = Complete::file}},
       .examples = {{"pawl restore /backups/2026-01-31 --data /var/lib/pawl",
                     "where no data directory is yet"}}},
      {.name = "schema",
       .summary = "print the JSON Schema of workflow files",
       .group = kCare,
       .args = {{.name = "NAME",
                 .optional = true,
                 .complete = Complete::choice,
                 .choices = "workflow"}},
       .examples = {{"pawl schema > workflow.schema.json", "for an editor's completion"}}},
      {.name = "completion",
       .summary = "print a completion script for a shell",
       .group = kCare,
       .args = {{.name = "SHELL", .complete = Complete::choice, .choices = "bash|zsh|fish"}},
       .examples = {{"source <(pawl completion bash)", "for this shell"},
                    {"pawl completion bash > /etc/bash_completion.d/pawl", "for every bash"},
                    {"pawl completion zsh > ~/.zfunc/_pawl", "where ~/.zfunc is in fpath"},
                    {"pawl completion fish > ~/.config/fish/completions/pawl.fish", "for fish"}}},
      {.name = "help",
       .summary = "explain a command or a topic",
       .group = kCare,
       .args = {{.name = "TOPIC", .optional = true, .complete = Complete::command}},
       .flags = {{.name = "man", .help = "the whole manual as a man page"}},
       .examples = {{"pawl help exit-codes", "a topic: exit-codes, environment"},
                    {"pawl help run", "the same as pawl run --help"},
                    {"pawl help --man > pawl.1", "for man(1)"}}},
      {.name = "version",
       .summary = "print the version",
       .group = kCare,
       .examples = {{"pawl version --json", "for scripts"}}},
  };
}

std::vector<FlagSpec> global_flags() {
  return {
      {.name = "data",
       .kind = FlagKind::text,
       .value = "DIR",
       .help = "the data directory (default: $PAWL_DATA, else ./.pawl)"},
      {.name = "json", .help = "one JSON object or array on stdout, nothing else there"},
      {.name = "color",
       .kind = FlagKind::choice,
       .value = "WHEN",
       .help = "colour",
       .fallback = "auto",
       .choices = "auto|always|never"},
      {.name = "quiet", .letter = 'q', .help = "only the result: no progress, no notices"},
      {.name = "verbose", .letter = 'v', .help = "also what Pawl itself does, on stderr"},
      {.name = "no-input", .help = "never ask; fail where an answer is needed"},
      {.name = "timeout",
       .kind = FlagKind::duration,
       .value = "DURATION",
       .help = "stop waiting after so long, exit 124; runs go on"},
  };
}

std::vector<Topic> topics() {
  return {
      {"exit-codes", "what each exit code means",
       "The exit code is the outcome, also in `--json` as exit_code.\n\n"
       "0  completed\n"
       "1  another failure, or doctor found a problem\n"
       "2  the command line is wrong\n"
       "3  the run failed\n"
       "4  the run completed with verdict fail (or warning, with --fail-on warning)\n"
       "5  the run was cancelled, or rejected at a gate\n"
       "6  the workflow or its inputs are invalid\n"
       "7  there is no such run, task or workflow\n"
       "8  not signed in, or not allowed\n"
       "9  refused in this state, or another process has the data directory\n"
       "10  the server cannot be reached, or cannot answer now\n"
       "70  a bug in Pawl\n"
       "124  --timeout passed; the run goes on\n"
       "130  interrupted\n\n"
       "Where several runs are waited for, the worst of them decides."},
      {"environment", "the variables that Pawl reads and sets",
       "Read by every command:\n\n"
       "PAWL_DATA  the data directory, where --data is not given\n"
       "PAWL_SERVER  the server, where --server is not given\n"
       "PAWL_TOKEN_FILE  the file with its token, where --token-file is not given\n"
       "NO_COLOR  no colour, where it is not empty\n"
       "CLICOLOR_FORCE  colour even in a pipe, where it is set and not 0\n"
       "TERM  dumb means no colour\n"
       "COLUMNS  the width, where the terminal does not tell\n"
       "LC_ALL LC_CTYPE LANG  UTF-8 in the first that is set allows marks beyond ASCII\n\n"
       "Set for a task:\n\n"
       "PAWL_RUN_ID PAWL_TASK PAWL_ATTEMPT  who it is; task and attempt together are unique\n"
       "PAWL_INPUT  a file: JSON with inputs, params and the outputs of what it needs\n"
       "PAWL_OUTPUT  a file to write one JSON object to; it becomes the task's outputs\n"
       "PAWL_CHECKPOINT  a file that the next attempt finds again as this one left it\n"
       "PAWL_EVENTS  a file to append JSON lines to; `pawl emit` does"},
  };
}

// Commands that can ask a server instead of a data directory.
constexpr std::array<std::string_view, 15> kOnServers = {
    "run",   "watch",  "wait",   "ls",    "show",    "logs",    "why",   "history",
    "pause", "resume", "cancel", "retry", "recover", "approve", "reject"};

CommandTable make_table() {
  CommandTable table{
      .program = "pawl",
      .summary = "durable workflows: what is done stays done",
      .examples = {{"pawl run nightly.yaml -i day=2026-01-31", "run a workflow to its end"},
                   {"pawl ls --state failed", "see what failed"},
                   {"pawl why @last", "see what a run waits for, and what would help"}},
      .commands = {},
      .flags = global_flags(),
      .topics = topics(),
  };
  for (auto* group : {running, looking, steering, gates, serving_commands, within_tasks, care}) {
    for (auto& command : group()) {
      if (std::find(kOnServers.begin(), kOnServers.end(), command.name) != kOnServers.end()) {
        for (auto& flag : server_access_flags())
          command.flags.push_back(flag);
      }
      table.commands.push_back(std::move(command));
    }
  }
  return table;
}

}  // namespace

const CommandTable& commands() {
  static const CommandTable table = make_table();
  return table;
}

}  // namespace pawl::cli
