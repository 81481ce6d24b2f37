# After --grant: resource types, or the JSON if only one matches.
_NAME_template() {
    case $1 in
        TEMPLATES
        *) return 1 ;;
    esac
}
_NAME_with_grants() {
    local IFS=$' \t\n'
    local current=${COMP_WORDS[COMP_CWORD]} index=$((COMP_CWORD - 1)) file= quote=
    # Characters of COMP_WORDBREAKS are words of their own.
    if [[ $current == = ]]; then
        current=
    elif [[ $current == @* ]]; then
        file=y current=${current#@}
    elif [[ ${COMP_WORDS[index]} == @ || ${COMP_WORDS[index]} == =@ ]]; then
        file=y
        [[ ${COMP_WORDS[index]} == @ ]] && index=$((index - 1))
    fi
    if [[ ${COMP_WORDS[index]} == =@ ]]; then
        file=y index=$((index - 1))
    fi
    if [[ ${COMP_WORDS[index]} == = ]]; then
        index=$((index - 1))
    fi
    if [[ ${COMP_WORDS[index]} != --grant ]]; then
        _NAME "$@"
        return
    fi
    if [[ -n $file ]]; then
        IFS=$'\n'
        COMPREPLY=($(compgen -f -- "$current"))
        if [[ $COMP_WORDBREAKS == *@* ]] && ! shopt -q hostcomplete; then
            compopt -o filenames 2>/dev/null
            return 0
        fi
        # Without the break, or with host completion, the @ is part of the word.
        for index in "${!COMPREPLY[@]}"; do
            COMPREPLY[index]=@$(printf %q "${COMPREPLY[index]}")
        done
        return 0
    fi
    if [[ $current == [\'\"]* ]]; then
        quote=${current:0:1} current=${current:1}
    fi
    if [[ -z $current ]] || ! _NAME_template "$current" >/dev/null; then
        COMPREPLY=($(compgen -W "KINDS" -- "$current"))
        [[ ${#COMPREPLY[@]} == 1 ]] || return 0
        current=${COMPREPLY[0]}
    fi
    local json
    json=$(_NAME_template "$current")
    case $quote in
        \") COMPREPLY=("${json//\"/\\\"}") ;;
        \') COMPREPLY=("$json") ;;
        *) COMPREPLY=("'$json'") ;;
    esac
}
complete -F _NAME_with_grants -o bashdefault -o default NAME
