# After --grant: the JSON for a resource type.
var NAME-completer~ = $edit:completion:arg-completer[NAME]
set edit:completion:arg-completer[NAME] = {|@words|
    if (and (> (count $words) 2) (eq $words[-2] --grant)) {
        TEMPLATES
    } else {
        NAME-completer $@words
    }
}
