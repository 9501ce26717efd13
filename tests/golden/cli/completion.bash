# bash completion for pawl; made by: pawl completion bash
_pawl_runs() { timeout 0.3 pawl ls -q --limit 50 2>/dev/null; }
_pawl() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
  local command='' place=0 i
  COMPREPLY=()
  # Bash makes three words of --flag=value.
  if [ "$word" = = ]; then
    word=''
  elif [ "$before" = = ]; then
    before=${COMP_WORDS[COMP_CWORD-2]}
  fi
  # The command is the first word that is neither a flag nor a flag's value; arguments follow.
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      =) ((i++)) ;;
      "--data"|"--color"|"--timeout"|"--input"|"-i"|"--inputs"|"--name"|"--label"|"--progress"|"--slots"|"--resource"|"--fail-on"|"--idempotency-key"|"--server"|"--token-file"|"--queue"|"--grace"|"--state"|"--verdict"|"--workflow"|"--since"|"--limit"|"--tail"|"--attempt"|"--grep"|"--task"|"--format"|"-o"|"--message"|"-m"|"--from"|"--set"|"--listen"|"--host"|"--worker-lease"|"--role"|"--expires"|"--body"|"-d"|"--type"|"--header"|"-H"|"--unit")
        [ "${COMP_WORDS[i+1]}" = = ] || ((i++)) ;;
      -*) ;;
      *) if [ -z "$command" ]; then command=${COMP_WORDS[i]}; else ((place++)); fi ;;
    esac
  done
  case "$command $before" in
    "run --inputs")
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      return ;;
    "run --progress")
      mapfile -t COMPREPLY < <(compgen -W 'auto tty plain json none' -- "$word")
      return ;;
    "run --fail-on")
      mapfile -t COMPREPLY < <(compgen -W 'warning fail' -- "$word")
      return ;;
    "run --token-file")
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      return ;;
    "run --input"|"run -i"|"run --name"|"run --label"|"run --slots"|"run --resource"|"run --idempotency-key"|"run --server") return ;;
    "watch --progress")
      mapfile -t COMPREPLY < <(compgen -W 'auto tty plain json none' -- "$word")
      return ;;
    "watch --fail-on")
      mapfile -t COMPREPLY < <(compgen -W 'warning fail' -- "$word")
      return ;;
    "watch --token-file")
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      return ;;
    "watch --slots"|"watch --resource"|"watch --server") return ;;
    "wait --fail-on")
      mapfile -t COMPREPLY < <(compgen -W 'warning fail' -- "$word")
      return ;;
    "wait --token-file")
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      return ;;
    "wait --server") return ;;
    "plan --inputs")
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      return ;;
    "plan --input"|"plan -i") return ;;
    "worker --token-file")
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      return ;;
    "worker --server"|"worker --queue"|"worker --slots"|"worker --label"|"worker --name"|"worker --grace") return ;;
    "ls --state")
      mapfile -t COMPREPLY < <(compgen -W 'pending running paused completed failed cancelled recovering' -- "$word")
      return ;;
    "ls --verdict")
      mapfile -t COMPREPLY < <(compgen -W 'pass warning fail none' -- "$word")
      return ;;
    "ls --token-file")
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      return ;;
    "ls --workflow"|"ls --label"|"ls --since"|"ls --limit"|"ls --server") return ;;
    "show --token-file")
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      return ;;
    "show --server") return ;;
    "logs --token-file")
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      return ;;
    "logs --tail"|"logs --attempt"|"logs --grep"|"logs --server") return ;;
    "why --token-file")
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      return ;;
    "why --server") return ;;
    "history --token-file")
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      return ;;
    "history --task"|"history --server") return ;;
    "graph --format"|"graph -o")
      mapfile -t COMPREPLY < <(compgen -W 'tree dot mermaid' -- "$word")
      return ;;
    "pause --token-file")
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      return ;;
    "pause --message"|"pause -m"|"pause --server") return ;;
    "resume --token-file")
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      return ;;
    "resume --server") return ;;
    "cancel --token-file")
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      return ;;
    "cancel --message"|"cancel -m"|"cancel --server") return ;;
    "retry --token-file")
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      return ;;
    "retry --from"|"retry --set"|"retry --server") return ;;
    "recover --token-file")
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      return ;;
    "recover --from"|"recover --set"|"recover --input"|"recover -i"|"recover --server") return ;;
    "approve --token-file")
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      return ;;
    "approve --message"|"approve -m"|"approve --input"|"approve -i"|"approve --server") return ;;
    "reject --token-file")
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      return ;;
    "reject --message"|"reject -m"|"reject --server") return ;;
    "up --listen"|"up --host"|"up --worker-lease"|"up --slots"|"up --resource"|"up --grace") return ;;
    "serve --listen"|"serve --host"|"serve --worker-lease") return ;;
    "token --role")
      mapfile -t COMPREPLY < <(compgen -W 'viewer operator admin worker' -- "$word")
      return ;;
    "token --queue"|"token --expires") return ;;
    "api --token-file")
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      return ;;
    "api --body"|"api -d"|"api --type"|"api --header"|"api -H"|"api --server") return ;;
    "emit --unit") return ;;
  esac
  case $before in
    "--data")
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      return ;;
    "--color")
      mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$word")
      return ;;
    "--timeout") return ;;
  esac
  if [ -z "$command" ]; then
    mapfile -t COMPREPLY < <(compgen -W 'run watch wait validate plan worker ls show logs why history graph pause resume cancel retry recover approve reject up serve token api emit doctor backup restore schema completion help version --data --json --color --quiet -q --verbose -v --no-input --timeout --help --version' -- "$word")
    return
  fi
  case $word in -*)
    local flags=''
    case $command in
      run) flags='--input -i --inputs --name --label --progress --slots --resource --fail-on --idempotency-key --server --token-file' ;;
      watch) flags='--progress --slots --resource --fail-on --server --token-file' ;;
      wait) flags='--fail-on --server --token-file' ;;
      plan) flags='--input -i --inputs' ;;
      worker) flags='--server --queue --slots --label --name --token-file --grace' ;;
      ls) flags='--state --verdict --workflow --label --since --limit --server --token-file' ;;
      show) flags='--server --token-file' ;;
      logs) flags='--follow -f --tail --attempt --grep --server --token-file' ;;
      why) flags='--server --token-file' ;;
      history) flags='--task --server --token-file' ;;
      graph) flags='--format -o' ;;
      pause) flags='--message -m --server --token-file' ;;
      resume) flags='--server --token-file' ;;
      cancel) flags='--message -m --server --token-file' ;;
      retry) flags='--from --set --server --token-file' ;;
      recover) flags='--from --set --input -i --server --token-file' ;;
      approve) flags='--message -m --input -i --server --token-file' ;;
      reject) flags='--message -m --server --token-file' ;;
      up) flags='--listen --host --worker-lease --require-token --log-json --slots --resource --grace' ;;
      serve) flags='--listen --host --worker-lease --require-token --log-json' ;;
      token) flags='--role --queue --expires' ;;
      api) flags='--body -d --type --header -H --server --token-file' ;;
      emit) flags='--unit' ;;
      help) flags='--man' ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$flags --data --json --color --quiet -q --verbose -v --no-input --timeout --help" -- "$word")
    return ;;
  esac
  case $command in
    run) [ $place -eq 0 ] && mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    watch) [ $place -eq 0 ] && mapfile -t COMPREPLY < <(compgen -W "$(_pawl_runs)" -- "$word") ;;
    wait) mapfile -t COMPREPLY < <(compgen -W "$(_pawl_runs)" -- "$word") ;;
    validate) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    plan) [ $place -eq 0 ] && mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    show) [ $place -eq 0 ] && mapfile -t COMPREPLY < <(compgen -W "$(_pawl_runs)" -- "$word") ;;
    logs) [ $place -eq 0 ] && mapfile -t COMPREPLY < <(compgen -W "$(_pawl_runs)" -- "$word") ;;
    why) [ $place -eq 0 ] && mapfile -t COMPREPLY < <(compgen -W "$(_pawl_runs)" -- "$word") ;;
    history) [ $place -eq 0 ] && mapfile -t COMPREPLY < <(compgen -W "$(_pawl_runs)" -- "$word") ;;
    graph) [ $place -eq 0 ] && mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    pause) mapfile -t COMPREPLY < <(compgen -W "$(_pawl_runs)" -- "$word") ;;
    resume) mapfile -t COMPREPLY < <(compgen -W "$(_pawl_runs)" -- "$word") ;;
    cancel) mapfile -t COMPREPLY < <(compgen -W "$(_pawl_runs)" -- "$word") ;;
    retry) [ $place -eq 0 ] && mapfile -t COMPREPLY < <(compgen -W "$(_pawl_runs)" -- "$word") ;;
    recover) [ $place -eq 0 ] && mapfile -t COMPREPLY < <(compgen -W "$(_pawl_runs)" -- "$word") ;;
    approve) [ $place -eq 0 ] && mapfile -t COMPREPLY < <(compgen -W "$(_pawl_runs)" -- "$word") ;;
    reject) [ $place -eq 0 ] && mapfile -t COMPREPLY < <(compgen -W "$(_pawl_runs)" -- "$word") ;;
    token) [ $place -eq 0 ] && mapfile -t COMPREPLY < <(compgen -W 'create ls rm' -- "$word") ;;
    api) [ $place -eq 0 ] && mapfile -t COMPREPLY < <(compgen -W 'GET POST PUT DELETE HEAD' -- "$word") ;;
    emit) [ $place -eq 0 ] && mapfile -t COMPREPLY < <(compgen -W 'progress metric warning failure-class checkpoint' -- "$word") ;;
    backup) [ $place -eq 0 ] && mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    restore) [ $place -eq 0 ] && mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    schema) [ $place -eq 0 ] && mapfile -t COMPREPLY < <(compgen -W 'workflow' -- "$word") ;;
    completion) [ $place -eq 0 ] && mapfile -t COMPREPLY < <(compgen -W 'bash zsh fish' -- "$word") ;;
    help) [ $place -eq 0 ] && mapfile -t COMPREPLY < <(compgen -W 'run watch wait validate plan worker ls show logs why history graph pause resume cancel retry recover approve reject up serve token api emit doctor backup restore schema completion help version exit-codes environment' -- "$word") ;;
  esac
}
complete -o filenames -F _pawl pawl
