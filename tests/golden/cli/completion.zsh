#compdef pawl
# zsh completion for pawl; made by: pawl completion zsh
_pawl_runs() {
  local -a runs
  runs=(${(f)"$(timeout 0.3 pawl ls -q --limit 50 2>/dev/null)"})
  compadd -a runs
}
_pawl() {
  local curcontext=$curcontext state line
  typeset -A opt_args
  _arguments -C \
        '--data=[the data directory (default\: $PAWL_DATA, else ./.pawl)]:dir:_files' \
        '--json[one JSON object or array on stdout, nothing else there]' \
        '--color=[colour]:when:(auto always never)' \
        '--quiet[only the result\: no progress, no notices]' \
        '-q[only the result\: no progress, no notices]' \
        '--verbose[also what Pawl itself does, on stderr]' \
        '-v[also what Pawl itself does, on stderr]' \
        '--no-input[never ask; fail where an answer is needed]' \
        '--timeout=[stop waiting after so long, exit 124; runs go on]:duration:' \
        '(- *)--help[show help]' \
        '(- *)--version[print the version]' \
        '1:command:->command' \
        '*::argument:->argument'
  case $state in
    command)
      local -a commands=(
        'run:run a workflow file to its end, with live progress'
        'watch:follow a run; carry it on where nobody else does'
        'wait:wait until runs have ended; the worst outcome is the exit code'
        'validate:check workflow files; all errors at once, exit 6 on any'
        'plan:show what would run, in what order; start nothing'
        'worker:carry out tasks of a server on this machine'
        'ls:list runs, the newest first'
        'show:show a run\: its tasks, outputs and what went wrong'
        'logs:print what tasks printed'
        'why:say why a run or task waits, failed or was skipped, and what would help'
        'history:list all that happened to a run, in order'
        'graph:draw a run'\''s or a file'\''s tasks'
        'pause:start no more tasks of a run; those that run end'
        'resume:go on with a paused run'
        'cancel:end a run and the processes of its tasks'
        'retry:run failed tasks again, and all that waits for them'
        'recover:run again from a task on, reusing all before it'
        'approve:open a gate'
        'reject:close a gate; the run ends as rejected'
        'up:server and a local worker in one process'
        'serve:the server alone; workers elsewhere do the work'
        'token:make, list and remove tokens of the API'
        'api:send one request to a server'\''s API'
        'emit:report progress, metrics, warnings from a task'\''s script'
        'doctor:look for what would keep runs from working here'
        'backup:copy the data directory, also while it is in use'
        'restore:make the data directory from a backup'
        'schema:print the JSON Schema of workflow files'
        'completion:print a completion script for a shell'
        'help:explain a command or a topic'
        'version:print the version'
      )
      _describe command commands ;;
    argument)
      case $words[1] in
        run) _arguments \
        '*--input=[an input; read as the type the workflow declares]:name=value:' \
        '*-i[an input; read as the type the workflow declares]:name=value:' \
        '--inputs=[inputs as one JSON object; -i goes over it]:file|-:_files' \
        '--name=[what lists show; goes over the file'\''s run_name]:text:' \
        '*--label=[a label, to find the run by]:name=value:' \
        '--progress=[how progress is shown on stderr]:how:(auto tty plain json none)' \
        '--slots=[tasks at once (default\: two a processor, at least 4)]:n:' \
        '*--resource=[what this machine has, such as gpu=2]:name=n:' \
        '--fail-on=[the mildest verdict that exits 4]:verdict:(warning fail)' \
        '--idempotency-key=[start at most one run for this key; later ones follow the first]:key:' \
        '--server=[ask this server instead of a data directory (or $PAWL_SERVER)]:url:' \
        '--token-file=[the file that holds its token (or $PAWL_TOKEN_FILE)]:file:_files' \
        '--data=[the data directory (default\: $PAWL_DATA, else ./.pawl)]:dir:_files' \
        '--json[one JSON object or array on stdout, nothing else there]' \
        '--color=[colour]:when:(auto always never)' \
        '--quiet[only the result\: no progress, no notices]' \
        '-q[only the result\: no progress, no notices]' \
        '--verbose[also what Pawl itself does, on stderr]' \
        '-v[also what Pawl itself does, on stderr]' \
        '--no-input[never ask; fail where an answer is needed]' \
        '--timeout=[stop waiting after so long, exit 124; runs go on]:duration:' \
        ':file:_files' ;;
        watch) _arguments \
        '--progress=[how progress is shown on stderr]:how:(auto tty plain json none)' \
        '--slots=[tasks at once (default\: two a processor, at least 4)]:n:' \
        '*--resource=[what this machine has, such as gpu=2]:name=n:' \
        '--fail-on=[the mildest verdict that exits 4]:verdict:(warning fail)' \
        '--server=[ask this server instead of a data directory (or $PAWL_SERVER)]:url:' \
        '--token-file=[the file that holds its token (or $PAWL_TOKEN_FILE)]:file:_files' \
        '--data=[the data directory (default\: $PAWL_DATA, else ./.pawl)]:dir:_files' \
        '--json[one JSON object or array on stdout, nothing else there]' \
        '--color=[colour]:when:(auto always never)' \
        '--quiet[only the result\: no progress, no notices]' \
        '-q[only the result\: no progress, no notices]' \
        '--verbose[also what Pawl itself does, on stderr]' \
        '-v[also what Pawl itself does, on stderr]' \
        '--no-input[never ask; fail where an answer is needed]' \
        '--timeout=[stop waiting after so long, exit 124; runs go on]:duration:' \
        ':run:_pawl_runs' ;;
        wait) _arguments \
        '--fail-on=[the mildest verdict that exits 4]:verdict:(warning fail)' \
        '--server=[ask this server instead of a data directory (or $PAWL_SERVER)]:url:' \
        '--token-file=[the file that holds its token (or $PAWL_TOKEN_FILE)]:file:_files' \
        '--data=[the data directory (default\: $PAWL_DATA, else ./.pawl)]:dir:_files' \
        '--json[one JSON object or array on stdout, nothing else there]' \
        '--color=[colour]:when:(auto always never)' \
        '--quiet[only the result\: no progress, no notices]' \
        '-q[only the result\: no progress, no notices]' \
        '--verbose[also what Pawl itself does, on stderr]' \
        '-v[also what Pawl itself does, on stderr]' \
        '--no-input[never ask; fail where an answer is needed]' \
        '--timeout=[stop waiting after so long, exit 124; runs go on]:duration:' \
        '*:run:_pawl_runs' ;;
        validate) _arguments \
        '--data=[the data directory (default\: $PAWL_DATA, else ./.pawl)]:dir:_files' \
        '--json[one JSON object or array on stdout, nothing else there]' \
        '--color=[colour]:when:(auto always never)' \
        '--quiet[only the result\: no progress, no notices]' \
        '-q[only the result\: no progress, no notices]' \
        '--verbose[also what Pawl itself does, on stderr]' \
        '-v[also what Pawl itself does, on stderr]' \
        '--no-input[never ask; fail where an answer is needed]' \
        '--timeout=[stop waiting after so long, exit 124; runs go on]:duration:' \
        '*:file:_files' ;;
        plan) _arguments \
        '*--input=[an input; read as the type the workflow declares]:name=value:' \
        '*-i[an input; read as the type the workflow declares]:name=value:' \
        '--inputs=[inputs as one JSON object; -i goes over it]:file|-:_files' \
        '--data=[the data directory (default\: $PAWL_DATA, else ./.pawl)]:dir:_files' \
        '--json[one JSON object or array on stdout, nothing else there]' \
        '--color=[colour]:when:(auto always never)' \
        '--quiet[only the result\: no progress, no notices]' \
        '-q[only the result\: no progress, no notices]' \
        '--verbose[also what Pawl itself does, on stderr]' \
        '-v[also what Pawl itself does, on stderr]' \
        '--no-input[never ask; fail where an answer is needed]' \
        '--timeout=[stop waiting after so long, exit 124; runs go on]:duration:' \
        ':file:_files' ;;
        worker) _arguments \
        '--server=[the server, such as http\://10.0.0.5\:7070 (or $PAWL_SERVER)]:url:' \
        '*--queue=[a queue to serve (default\: every queue)]:name:' \
        '--slots=[tasks at once (default\: two a processor, at least 4)]:n:' \
        '*--label=[what this machine is, for people and lists]:name=value:' \
        '--name=[what lists call it (default\: host and process)]:text:' \
        '--token-file=[the file that holds its token (or $PAWL_TOKEN_FILE)]:file:_files' \
        '--grace=[how long what runs may go on once told to stop]:duration:' \
        '--data=[the data directory (default\: $PAWL_DATA, else ./.pawl)]:dir:_files' \
        '--json[one JSON object or array on stdout, nothing else there]' \
        '--color=[colour]:when:(auto always never)' \
        '--quiet[only the result\: no progress, no notices]' \
        '-q[only the result\: no progress, no notices]' \
        '--verbose[also what Pawl itself does, on stderr]' \
        '-v[also what Pawl itself does, on stderr]' \
        '--no-input[never ask; fail where an answer is needed]' \
        '--timeout=[stop waiting after so long, exit 124; runs go on]:duration:' ;;
        ls) _arguments \
        '*--state=[runs in this state]:state:(pending running paused completed failed cancelled recovering)' \
        '*--verdict=[runs with this verdict]:verdict:(pass warning fail none)' \
        '--workflow=[runs of this workflow]:name:' \
        '*--label=[runs with this label]:name=value:' \
        '--since=[begun after a time (RFC 3339) or within a duration (2d)]:when:' \
        '--limit=[at most so many]:n:' \
        '--server=[ask this server instead of a data directory (or $PAWL_SERVER)]:url:' \
        '--token-file=[the file that holds its token (or $PAWL_TOKEN_FILE)]:file:_files' \
        '--data=[the data directory (default\: $PAWL_DATA, else ./.pawl)]:dir:_files' \
        '--json[one JSON object or array on stdout, nothing else there]' \
        '--color=[colour]:when:(auto always never)' \
        '--quiet[only the result\: no progress, no notices]' \
        '-q[only the result\: no progress, no notices]' \
        '--verbose[also what Pawl itself does, on stderr]' \
        '-v[also what Pawl itself does, on stderr]' \
        '--no-input[never ask; fail where an answer is needed]' \
        '--timeout=[stop waiting after so long, exit 124; runs go on]:duration:' ;;
        show) _arguments \
        '--server=[ask this server instead of a data directory (or $PAWL_SERVER)]:url:' \
        '--token-file=[the file that holds its token (or $PAWL_TOKEN_FILE)]:file:_files' \
        '--data=[the data directory (default\: $PAWL_DATA, else ./.pawl)]:dir:_files' \
        '--json[one JSON object or array on stdout, nothing else there]' \
        '--color=[colour]:when:(auto always never)' \
        '--quiet[only the result\: no progress, no notices]' \
        '-q[only the result\: no progress, no notices]' \
        '--verbose[also what Pawl itself does, on stderr]' \
        '-v[also what Pawl itself does, on stderr]' \
        '--no-input[never ask; fail where an answer is needed]' \
        '--timeout=[stop waiting after so long, exit 124; runs go on]:duration:' \
        ':run:_pawl_runs' ;;
        logs) _arguments \
        '--follow[go on as more is printed]' \
        '-f[go on as more is printed]' \
        '--tail=[the last N lines only]:n:' \
        '--attempt=[of this attempt (default\: the last)]:n:' \
        '--grep=[lines that hold this text, as it is written]:text:' \
        '--server=[ask this server instead of a data directory (or $PAWL_SERVER)]:url:' \
        '--token-file=[the file that holds its token (or $PAWL_TOKEN_FILE)]:file:_files' \
        '--data=[the data directory (default\: $PAWL_DATA, else ./.pawl)]:dir:_files' \
        '--json[one JSON object or array on stdout, nothing else there]' \
        '--color=[colour]:when:(auto always never)' \
        '--quiet[only the result\: no progress, no notices]' \
        '-q[only the result\: no progress, no notices]' \
        '--verbose[also what Pawl itself does, on stderr]' \
        '-v[also what Pawl itself does, on stderr]' \
        '--no-input[never ask; fail where an answer is needed]' \
        '--timeout=[stop waiting after so long, exit 124; runs go on]:duration:' \
        ':run:_pawl_runs' \
        '::task: ' ;;
        why) _arguments \
        '--server=[ask this server instead of a data directory (or $PAWL_SERVER)]:url:' \
        '--token-file=[the file that holds its token (or $PAWL_TOKEN_FILE)]:file:_files' \
        '--data=[the data directory (default\: $PAWL_DATA, else ./.pawl)]:dir:_files' \
        '--json[one JSON object or array on stdout, nothing else there]' \
        '--color=[colour]:when:(auto always never)' \
        '--quiet[only the result\: no progress, no notices]' \
        '-q[only the result\: no progress, no notices]' \
        '--verbose[also what Pawl itself does, on stderr]' \
        '-v[also what Pawl itself does, on stderr]' \
        '--no-input[never ask; fail where an answer is needed]' \
        '--timeout=[stop waiting after so long, exit 124; runs go on]:duration:' \
        ':run:_pawl_runs' \
        '::task: ' ;;
        history) _arguments \
        '--task=[of this task only]:task:' \
        '--server=[ask this server instead of a data directory (or $PAWL_SERVER)]:url:' \
        '--token-file=[the file that holds its token (or $PAWL_TOKEN_FILE)]:file:_files' \
        '--data=[the data directory (default\: $PAWL_DATA, else ./.pawl)]:dir:_files' \
        '--json[one JSON object or array on stdout, nothing else there]' \
        '--color=[colour]:when:(auto always never)' \
        '--quiet[only the result\: no progress, no notices]' \
        '-q[only the result\: no progress, no notices]' \
        '--verbose[also what Pawl itself does, on stderr]' \
        '-v[also what Pawl itself does, on stderr]' \
        '--no-input[never ask; fail where an answer is needed]' \
        '--timeout=[stop waiting after so long, exit 124; runs go on]:duration:' \
        ':run:_pawl_runs' ;;
        graph) _arguments \
        '--format=[of the drawing]:format:(tree dot mermaid)' \
        '-o[of the drawing]:format:(tree dot mermaid)' \
        '--data=[the data directory (default\: $PAWL_DATA, else ./.pawl)]:dir:_files' \
        '--json[one JSON object or array on stdout, nothing else there]' \
        '--color=[colour]:when:(auto always never)' \
        '--quiet[only the result\: no progress, no notices]' \
        '-q[only the result\: no progress, no notices]' \
        '--verbose[also what Pawl itself does, on stderr]' \
        '-v[also what Pawl itself does, on stderr]' \
        '--no-input[never ask; fail where an answer is needed]' \
        '--timeout=[stop waiting after so long, exit 124; runs go on]:duration:' \
        ':run|file:_files' ;;
        pause) _arguments \
        '--message=[why; kept in the run'\''s history]:text:' \
        '-m[why; kept in the run'\''s history]:text:' \
        '--server=[ask this server instead of a data directory (or $PAWL_SERVER)]:url:' \
        '--token-file=[the file that holds its token (or $PAWL_TOKEN_FILE)]:file:_files' \
        '--data=[the data directory (default\: $PAWL_DATA, else ./.pawl)]:dir:_files' \
        '--json[one JSON object or array on stdout, nothing else there]' \
        '--color=[colour]:when:(auto always never)' \
        '--quiet[only the result\: no progress, no notices]' \
        '-q[only the result\: no progress, no notices]' \
        '--verbose[also what Pawl itself does, on stderr]' \
        '-v[also what Pawl itself does, on stderr]' \
        '--no-input[never ask; fail where an answer is needed]' \
        '--timeout=[stop waiting after so long, exit 124; runs go on]:duration:' \
        '*:run:_pawl_runs' ;;
        resume) _arguments \
        '--server=[ask this server instead of a data directory (or $PAWL_SERVER)]:url:' \
        '--token-file=[the file that holds its token (or $PAWL_TOKEN_FILE)]:file:_files' \
        '--data=[the data directory (default\: $PAWL_DATA, else ./.pawl)]:dir:_files' \
        '--json[one JSON object or array on stdout, nothing else there]' \
        '--color=[colour]:when:(auto always never)' \
        '--quiet[only the result\: no progress, no notices]' \
        '-q[only the result\: no progress, no notices]' \
        '--verbose[also what Pawl itself does, on stderr]' \
        '-v[also what Pawl itself does, on stderr]' \
        '--no-input[never ask; fail where an answer is needed]' \
        '--timeout=[stop waiting after so long, exit 124; runs go on]:duration:' \
        '*:run:_pawl_runs' ;;
        cancel) _arguments \
        '--message=[why; kept in the run'\''s history]:text:' \
        '-m[why; kept in the run'\''s history]:text:' \
        '--server=[ask this server instead of a data directory (or $PAWL_SERVER)]:url:' \
        '--token-file=[the file that holds its token (or $PAWL_TOKEN_FILE)]:file:_files' \
        '--data=[the data directory (default\: $PAWL_DATA, else ./.pawl)]:dir:_files' \
        '--json[one JSON object or array on stdout, nothing else there]' \
        '--color=[colour]:when:(auto always never)' \
        '--quiet[only the result\: no progress, no notices]' \
        '-q[only the result\: no progress, no notices]' \
        '--verbose[also what Pawl itself does, on stderr]' \
        '-v[also what Pawl itself does, on stderr]' \
        '--no-input[never ask; fail where an answer is needed]' \
        '--timeout=[stop waiting after so long, exit 124; runs go on]:duration:' \
        '*:run:_pawl_runs' ;;
        retry) _arguments \
        '*--from=[this one only (default\: all that failed)]:task:' \
        '*--set=[a parameter of the task, from now on]:name=value:' \
        '--server=[ask this server instead of a data directory (or $PAWL_SERVER)]:url:' \
        '--token-file=[the file that holds its token (or $PAWL_TOKEN_FILE)]:file:_files' \
        '--data=[the data directory (default\: $PAWL_DATA, else ./.pawl)]:dir:_files' \
        '--json[one JSON object or array on stdout, nothing else there]' \
        '--color=[colour]:when:(auto always never)' \
        '--quiet[only the result\: no progress, no notices]' \
        '-q[only the result\: no progress, no notices]' \
        '--verbose[also what Pawl itself does, on stderr]' \
        '-v[also what Pawl itself does, on stderr]' \
        '--no-input[never ask; fail where an answer is needed]' \
        '--timeout=[stop waiting after so long, exit 124; runs go on]:duration:' \
        ':run:_pawl_runs' ;;
        recover) _arguments \
        '--from=[the first task to run again]:task:' \
        '*--set=[a parameter of the task, from now on]:name=value:' \
        '*--input=[an input; read as the type the workflow declares]:name=value:' \
        '*-i[an input; read as the type the workflow declares]:name=value:' \
        '--server=[ask this server instead of a data directory (or $PAWL_SERVER)]:url:' \
        '--token-file=[the file that holds its token (or $PAWL_TOKEN_FILE)]:file:_files' \
        '--data=[the data directory (default\: $PAWL_DATA, else ./.pawl)]:dir:_files' \
        '--json[one JSON object or array on stdout, nothing else there]' \
        '--color=[colour]:when:(auto always never)' \
        '--quiet[only the result\: no progress, no notices]' \
        '-q[only the result\: no progress, no notices]' \
        '--verbose[also what Pawl itself does, on stderr]' \
        '-v[also what Pawl itself does, on stderr]' \
        '--no-input[never ask; fail where an answer is needed]' \
        '--timeout=[stop waiting after so long, exit 124; runs go on]:duration:' \
        ':run:_pawl_runs' ;;
        approve) _arguments \
        '--message=[why; kept in the run'\''s history]:text:' \
        '-m[why; kept in the run'\''s history]:text:' \
        '*--input=[a field of the gate'\''s form]:name=value:' \
        '*-i[a field of the gate'\''s form]:name=value:' \
        '--server=[ask this server instead of a data directory (or $PAWL_SERVER)]:url:' \
        '--token-file=[the file that holds its token (or $PAWL_TOKEN_FILE)]:file:_files' \
        '--data=[the data directory (default\: $PAWL_DATA, else ./.pawl)]:dir:_files' \
        '--json[one JSON object or array on stdout, nothing else there]' \
        '--color=[colour]:when:(auto always never)' \
        '--quiet[only the result\: no progress, no notices]' \
        '-q[only the result\: no progress, no notices]' \
        '--verbose[also what Pawl itself does, on stderr]' \
        '-v[also what Pawl itself does, on stderr]' \
        '--no-input[never ask; fail where an answer is needed]' \
        '--timeout=[stop waiting after so long, exit 124; runs go on]:duration:' \
        ':run:_pawl_runs' \
        '::task: ' ;;
        reject) _arguments \
        '--message=[why; kept in the run'\''s history]:text:' \
        '-m[why; kept in the run'\''s history]:text:' \
        '--server=[ask this server instead of a data directory (or $PAWL_SERVER)]:url:' \
        '--token-file=[the file that holds its token (or $PAWL_TOKEN_FILE)]:file:_files' \
        '--data=[the data directory (default\: $PAWL_DATA, else ./.pawl)]:dir:_files' \
        '--json[one JSON object or array on stdout, nothing else there]' \
        '--color=[colour]:when:(auto always never)' \
        '--quiet[only the result\: no progress, no notices]' \
        '-q[only the result\: no progress, no notices]' \
        '--verbose[also what Pawl itself does, on stderr]' \
        '-v[also what Pawl itself does, on stderr]' \
        '--no-input[never ask; fail where an answer is needed]' \
        '--timeout=[stop waiting after so long, exit 124; runs go on]:duration:' \
        ':run:_pawl_runs' \
        '::task: ' ;;
        up) _arguments \
        '--listen=[where to listen; port 0 takes any]:addr\:port:' \
        '*--host=[another name that clients call this server by]:name:' \
        '--worker-lease=[a worker elsewhere that is silent so long is lost]:time:' \
        '--require-token[ask for a token on a loopback address, too]' \
        '--log-json[what the server itself says, as JSON lines on stderr]' \
        '--slots=[tasks at once (default\: two a processor, at least 4)]:n:' \
        '*--resource=[what this machine has, such as gpu=2]:name=n:' \
        '--grace=[how long tasks may go on when it stops; then they are stopped, and run again at the next start]:time:' \
        '--data=[the data directory (default\: $PAWL_DATA, else ./.pawl)]:dir:_files' \
        '--json[one JSON object or array on stdout, nothing else there]' \
        '--color=[colour]:when:(auto always never)' \
        '--quiet[only the result\: no progress, no notices]' \
        '-q[only the result\: no progress, no notices]' \
        '--verbose[also what Pawl itself does, on stderr]' \
        '-v[also what Pawl itself does, on stderr]' \
        '--no-input[never ask; fail where an answer is needed]' \
        '--timeout=[stop waiting after so long, exit 124; runs go on]:duration:' ;;
        serve) _arguments \
        '--listen=[where to listen; port 0 takes any]:addr\:port:' \
        '*--host=[another name that clients call this server by]:name:' \
        '--worker-lease=[a worker elsewhere that is silent so long is lost]:time:' \
        '--require-token[ask for a token on a loopback address, too]' \
        '--log-json[what the server itself says, as JSON lines on stderr]' \
        '--data=[the data directory (default\: $PAWL_DATA, else ./.pawl)]:dir:_files' \
        '--json[one JSON object or array on stdout, nothing else there]' \
        '--color=[colour]:when:(auto always never)' \
        '--quiet[only the result\: no progress, no notices]' \
        '-q[only the result\: no progress, no notices]' \
        '--verbose[also what Pawl itself does, on stderr]' \
        '-v[also what Pawl itself does, on stderr]' \
        '--no-input[never ask; fail where an answer is needed]' \
        '--timeout=[stop waiting after so long, exit 124; runs go on]:duration:' ;;
        token) _arguments \
        '--role=[what it allows (create)]:role:(viewer operator admin worker)' \
        '*--queue=[a queue that the worker may serve (default\: every one)]:queue:' \
        '--expires=[how long it is good for (default\: until it is removed)]:time:' \
        '--data=[the data directory (default\: $PAWL_DATA, else ./.pawl)]:dir:_files' \
        '--json[one JSON object or array on stdout, nothing else there]' \
        '--color=[colour]:when:(auto always never)' \
        '--quiet[only the result\: no progress, no notices]' \
        '-q[only the result\: no progress, no notices]' \
        '--verbose[also what Pawl itself does, on stderr]' \
        '-v[also what Pawl itself does, on stderr]' \
        '--no-input[never ask; fail where an answer is needed]' \
        '--timeout=[stop waiting after so long, exit 124; runs go on]:duration:' \
        ':action:(create ls rm)' \
        '::name: ' ;;
        api) _arguments \
        '--body=[what is sent; a .yaml file goes as YAML]:json|@file|-:' \
        '-d[what is sent; a .yaml file goes as YAML]:json|@file|-:' \
        '--type=[of the body, where it is another]:media-type:' \
        '*--header=[a field of the request]:name=value:' \
        '*-H[a field of the request]:name=value:' \
        '--server=[ask this server instead of a data directory (or $PAWL_SERVER)]:url:' \
        '--token-file=[the file that holds its token (or $PAWL_TOKEN_FILE)]:file:_files' \
        '--data=[the data directory (default\: $PAWL_DATA, else ./.pawl)]:dir:_files' \
        '--json[one JSON object or array on stdout, nothing else there]' \
        '--color=[colour]:when:(auto always never)' \
        '--quiet[only the result\: no progress, no notices]' \
        '-q[only the result\: no progress, no notices]' \
        '--verbose[also what Pawl itself does, on stderr]' \
        '-v[also what Pawl itself does, on stderr]' \
        '--no-input[never ask; fail where an answer is needed]' \
        '--timeout=[stop waiting after so long, exit 124; runs go on]:duration:' \
        ':method:(GET POST PUT DELETE HEAD)' \
        ':path: ' ;;
        emit) _arguments \
        '--unit=[what progress counts, such as epoch]:word:' \
        '--data=[the data directory (default\: $PAWL_DATA, else ./.pawl)]:dir:_files' \
        '--json[one JSON object or array on stdout, nothing else there]' \
        '--color=[colour]:when:(auto always never)' \
        '--quiet[only the result\: no progress, no notices]' \
        '-q[only the result\: no progress, no notices]' \
        '--verbose[also what Pawl itself does, on stderr]' \
        '-v[also what Pawl itself does, on stderr]' \
        '--no-input[never ask; fail where an answer is needed]' \
        '--timeout=[stop waiting after so long, exit 124; runs go on]:duration:' \
        ':kind:(progress metric warning failure-class checkpoint)' \
        '*:value: ' ;;
        doctor) _arguments \
        '--data=[the data directory (default\: $PAWL_DATA, else ./.pawl)]:dir:_files' \
        '--json[one JSON object or array on stdout, nothing else there]' \
        '--color=[colour]:when:(auto always never)' \
        '--quiet[only the result\: no progress, no notices]' \
        '-q[only the result\: no progress, no notices]' \
        '--verbose[also what Pawl itself does, on stderr]' \
        '-v[also what Pawl itself does, on stderr]' \
        '--no-input[never ask; fail where an answer is needed]' \
        '--timeout=[stop waiting after so long, exit 124; runs go on]:duration:' ;;
        backup) _arguments \
        '--data=[the data directory (default\: $PAWL_DATA, else ./.pawl)]:dir:_files' \
        '--json[one JSON object or array on stdout, nothing else there]' \
        '--color=[colour]:when:(auto always never)' \
        '--quiet[only the result\: no progress, no notices]' \
        '-q[only the result\: no progress, no notices]' \
        '--verbose[also what Pawl itself does, on stderr]' \
        '-v[also what Pawl itself does, on stderr]' \
        '--no-input[never ask; fail where an answer is needed]' \
        '--timeout=[stop waiting after so long, exit 124; runs go on]:duration:' \
        ':dir:_files' ;;
        restore) _arguments \
        '--data=[the data directory (default\: $PAWL_DATA, else ./.pawl)]:dir:_files' \
        '--json[one JSON object or array on stdout, nothing else there]' \
        '--color=[colour]:when:(auto always never)' \
        '--quiet[only the result\: no progress, no notices]' \
        '-q[only the result\: no progress, no notices]' \
        '--verbose[also what Pawl itself does, on stderr]' \
        '-v[also what Pawl itself does, on stderr]' \
        '--no-input[never ask; fail where an answer is needed]' \
        '--timeout=[stop waiting after so long, exit 124; runs go on]:duration:' \
        ':dir:_files' ;;
        schema) _arguments \
        '--data=[the data directory (default\: $PAWL_DATA, else ./.pawl)]:dir:_files' \
        '--json[one JSON object or array on stdout, nothing else there]' \
        '--color=[colour]:when:(auto always never)' \
        '--quiet[only the result\: no progress, no notices]' \
        '-q[only the result\: no progress, no notices]' \
        '--verbose[also what Pawl itself does, on stderr]' \
        '-v[also what Pawl itself does, on stderr]' \
        '--no-input[never ask; fail where an answer is needed]' \
        '--timeout=[stop waiting after so long, exit 124; runs go on]:duration:' \
        '::name:(workflow)' ;;
        completion) _arguments \
        '--data=[the data directory (default\: $PAWL_DATA, else ./.pawl)]:dir:_files' \
        '--json[one JSON object or array on stdout, nothing else there]' \
        '--color=[colour]:when:(auto always never)' \
        '--quiet[only the result\: no progress, no notices]' \
        '-q[only the result\: no progress, no notices]' \
        '--verbose[also what Pawl itself does, on stderr]' \
        '-v[also what Pawl itself does, on stderr]' \
        '--no-input[never ask; fail where an answer is needed]' \
        '--timeout=[stop waiting after so long, exit 124; runs go on]:duration:' \
        ':shell:(bash zsh fish)' ;;
        help) _arguments \
        '--man[the whole manual as a man page]' \
        '--data=[the data directory (default\: $PAWL_DATA, else ./.pawl)]:dir:_files' \
        '--json[one JSON object or array on stdout, nothing else there]' \
        '--color=[colour]:when:(auto always never)' \
        '--quiet[only the result\: no progress, no notices]' \
        '-q[only the result\: no progress, no notices]' \
        '--verbose[also what Pawl itself does, on stderr]' \
        '-v[also what Pawl itself does, on stderr]' \
        '--no-input[never ask; fail where an answer is needed]' \
        '--timeout=[stop waiting after so long, exit 124; runs go on]:duration:' \
        '::topic:(run watch wait validate plan worker ls show logs why history graph pause resume cancel retry recover approve reject up serve token api emit doctor backup restore schema completion help version exit-codes environment)' ;;
        version) _arguments \
        '--data=[the data directory (default\: $PAWL_DATA, else ./.pawl)]:dir:_files' \
        '--json[one JSON object or array on stdout, nothing else there]' \
        '--color=[colour]:when:(auto always never)' \
        '--quiet[only the result\: no progress, no notices]' \
        '-q[only the result\: no progress, no notices]' \
        '--verbose[also what Pawl itself does, on stderr]' \
        '-v[also what Pawl itself does, on stderr]' \
        '--no-input[never ask; fail where an answer is needed]' \
        '--timeout=[stop waiting after so long, exit 124; runs go on]:duration:' ;;
      esac ;;
  esac
}
_pawl "$@"
