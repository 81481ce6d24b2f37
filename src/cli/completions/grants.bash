# After --grant: a resource type, or the JSON for the only one that is meant.
_NAME_template() {
    case $1 in
        TEMPLATES
        *) return 1 ;;
    esac
}
_NAME_with_grants() {
    local IFS=$' \t\n'
    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    if [[ $current == = ]]; then
        current=
    elif [[ $before == = ]]; then
        before=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    if [[ $before != --grant ]]; then
        _NAME "$@"
        return
    fi
    if [[ $current == @* ]]; then
        IFS=$'\n'
        COMPREPLY=($(compgen -P @ -f -- "${current#@}"))
        return
    fi
    if [[ -z $current ]] || ! _NAME_template "$current" >/dev/null; then
        COMPREPLY=($(compgen -W "KINDS" -- "$current"))
        [[ ${#COMPREPLY[@]} == 1 ]] || return
        current=${COMPREPLY[0]}
    fi
    COMPREPLY=("'$(_NAME_template "$current")'")
}
complete -F _NAME_with_grants -o bashdefault -o default NAME
