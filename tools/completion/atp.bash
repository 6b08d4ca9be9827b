# shellcheck shell=bash
# Completion of atp and atp-run in bash. Installed to share/bash-completion/completions, where bash finds it by itself; in a
# copy of the sources: source tools/completion/atp.bash
#
# Commands and options are asked of the programs themselves, so that this file need not know them.

# The options of a program or command: __atp_options PROGRAM [COMMAND]
__atp_options() {
  "$@" --help 2>/dev/null | sed -n 's/^  \(--[a-z][a-z-]*\).*/\1/p'
}

__atp_commands() {
  "$1" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p'
}

# Names of plugins: __atp_plugins PROGRAM [KIND]
__atp_plugins() {
  "$1" plugins --json 2>/dev/null | awk -v wanted="${2-}" '
    /"kind":/ { kind = $2; gsub(/[",]/, "", kind) }
    /"names": \[/ { inside = 1; next }
    inside && /\]/ { inside = 0 }
    inside && (wanted == "" || kind == wanted) { gsub(/[", ]/, ""); print }'
}

# The steps of a recipe, and after a dot their results: __atp_steps ATP_RUN RECIPE WORD
__atp_steps() {
  [[ -f $2 ]] || return 0
  if [[ $3 == *.* ]]; then
    "$1" "$2" --explain 2>/dev/null | sed -n 's/^\([^ #].*\):$/\1/p' | sort -u
    return
  fi
  awk '
    /^steps:/ { inside = 1; next }
    /^[^ #]/ { inside = 0 }
    inside && match($0, /^ +[A-Za-z0-9_-]+:/) {
      depth = match($0, /[^ ]/)
      if (!first) first = depth
      if (depth == first) { name = $1; sub(/:.*/, "", name); print name }
    }' "$2"
}

# What may stand after an option; false where it takes nothing, or anything: __atp_value PROGRAM OPTION WORD
__atp_value() {
  case $2 in
    --data | --models | --libtorch | --tasks) mapfile -t COMPREPLY < <(compgen -d -- "$3") ;;
    --out)  # a file for atp predict
      if [[ ${COMP_WORDS[1]-} == predict ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$3")
      else
        mapfile -t COMPREPLY < <(compgen -d -- "$3")
      fi
      ;;
    --input | --tokenizer) mapfile -t COMPREPLY < <(compgen -f -- "$3") ;;
    --from | --to)
      local formats="result peft attempt npy"
      [[ $2 == --from ]] && formats+=" tfew"
      mapfile -t COMPREPLY < <(compgen -W "$formats" -- "$3")
      ;;
    --device) mapfile -t COMPREPLY < <(compgen -W "auto cpu cuda" -- "$3") ;;
    --split) mapfile -t COMPREPLY < <(compgen -W "train validation test" -- "$3") ;;
    --metric) mapfile -t COMPREPLY < <(compgen -W "$(__atp_plugins "$1" metric)" -- "$3") ;;
    --task) mapfile -t COMPREPLY < <(compgen -W "$(__atp_plugins "$1" task)" -- "$3") ;;
    --only) mapfile -t COMPREPLY < <(compgen -W "$(__atp_steps "$1" "$(__atp_recipe)" "$3")" -- "$3") ;;
    --set | --threads | --index | --source-length | --batch-size | --label) COMPREPLY=() ;;
    *) return 1 ;;
  esac
}

# The recipe that the command line names.
__atp_recipe() {
  local word
  for word in "${COMP_WORDS[@]:1}"; do
    if [[ $word == *.yaml || $word == *.yml ]]; then echo "${word/#\~/$HOME}" && return; fi
  done
}

__atp_files() { # __atp_files WORD ENDING...: files of these endings, and folders
  local ending
  mapfile -t COMPREPLY < <(compgen -d -- "$1")
  for ending in "${@:2}"; do mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -X "!*.$ending" -- "$1"); done
}

_atp_run() {
  local IFS=$' \t\n' program=$1 word=$2 before=$3
  [[ $word == = ]] && word=""
  [[ $before == = ]] && before=${COMP_WORDS[COMP_CWORD - 2]}
  COMPREPLY=()
  __atp_value "$program" "$before" "$word" && return
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(__atp_options "$program")" -- "$word")
  else
    __atp_files "$word" yaml yml
  fi
}

_atp() {
  local IFS=$' \t\n' program=$1 word=$2 before=$3 command=${COMP_WORDS[1]-}
  [[ $word == = ]] && word=""
  [[ $before == = ]] && before=${COMP_WORDS[COMP_CWORD - 2]}
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -W "$(__atp_commands "$program") --help --version" -- "$word")
    return
  fi
  __atp_value "$program" "$before" "$word" && return
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(__atp_options "$program" "$command")" -- "$word")
    return
  fi
  case $command in
    show | check | tasks) mapfile -t COMPREPLY < <(compgen -W "$(__atp_plugins "$program" task)" -- "$word") ;;
    score)
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      ((COMP_CWORD == 2)) && mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "$(__atp_plugins "$program" task)" -- "$word")
      ;;
    predict) mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
    convert) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    help) mapfile -t COMPREPLY < <(compgen -W "$(__atp_plugins "$program")" -- "$word") ;;
  esac
}

complete -o filenames -F _atp atp
complete -o filenames -F _atp_run atp-run
