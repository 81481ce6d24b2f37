# After --grant: the JSON for a resource type, or a file.
function __fish_NAME_grants
    if string match -q -- '*@*' (commandline -ct)
        for path in (__fish_complete_path (string replace -r '.*@' '' -- (commandline -ct)))
            echo "@$path"
        end
        return
    end
    TEMPLATES
end
complete -c NAME -n "__fish_NAME_using_subcommand token; and __fish_seen_subcommand_from create" -l grant -r -f -a "(__fish_NAME_grants)"
# Words without a flag.
complete -c NAME -n "__fish_NAME_using_subcommand auth; and __fish_seen_subcommand_from status" -f -a "namespace nscale"
complete -c NAME -n "__fish_NAME_using_subcommand permissions" -f -a "KINDS"
complete -c NAME -n "__fish_NAME_using_subcommand completions" -f -a "bash elvish fish powershell zsh"
complete -c NAME -n "__fish_NAME_using_subcommand help" -f -a "WORDS"
complete -c NAME -n "__fish_NAME_using_subcommand man" -f -a "COMMANDS"
