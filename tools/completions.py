"""Completions for bash, zsh and fish, generated from the grammar of the command line.

Ports are completed from what is attached: their names in /sys/bus/usb/devices. So are IDs; once a part of
one is typed, from all device files that come with pymodeswitch, too.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from tools.command_line import CommandOption, Verb

PORTS = "/sys/bus/usb/devices"
HEAD = "# Completion of pymodeswitch for {shell}, generated from its grammar by `python -m tools.derived`"
OPTIONAL_VERB = "switch"  # what an ID alone means


def _with_actions(verbs: Iterable[Verb]) -> list[Verb]:
    """The verbs, and behind each its actions."""
    return [each for verb in verbs for each in (verb, *verb.actions)]


def _value(option: CommandOption) -> str:
    """What kind of value an option takes: that of the grammar, `any`, or empty for none."""
    return (option.kind or "any") if option.value else ""


def _lines(ids: Iterable[str], indent: int) -> str:
    """The IDs in lines of about 100 characters, the first one not indented."""
    return textwrap.fill(" ".join(ids), 100 - indent).replace("\n", "\n" + " " * indent)


# bash


def bash(verbs: Sequence[Verb], ids: Iterable[str] = ()) -> str:
    """For share/bash-completion/completions/pymodeswitch. ids: the IDs that there are device files for."""
    values = [
        f"        {_or(f'{verb.name}:{flag}' for flag in option.flags)}) {_bash_value(option)} ;;"
        for verb in _with_actions(verbs)
        for option in verb.options
        if option.value
    ]
    words = [f"        {_or([verb.name])}) {_bash_words(verb)} ;;" for verb in _with_actions(verbs)]
    switch = next(verb for verb in verbs if verb.name == OPTIONAL_VERB)
    first = " ".join([*(verb.name for verb in verbs), "--version", *_flags(switch)])
    actions = [action.name for verb in verbs for action in verb.actions]
    return f"""{HEAD.format(shell="bash")}
_pymodeswitch_ids="
{_lines(ids, 0)}
"
_pymodeswitch() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD - 1]}}
    local verb="" kind=words words="" word
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case "$verb $word" in
        {_or(f" {verb.name}" for verb in verbs)}) verb=$word ;;
        {_or(actions)}) verb+=" $word" ;;
        " -"*) ;;
        " "*) verb={OPTIONAL_VERB} ;; # an ID
        esac
    done
    case $verb in
    "") words="{first}" kind=id ;;
{_indented(words)}
    esac
    case ${{verb:-{OPTIONAL_VERB}}}:$prev in
{_indented(values)}
    esac
    COMPREPLY=()
    case $kind in
    id)
        # bash takes `:` for a word of its own: what stands before it is not completed again.
        local before="" attached=""
        [[ $cur != : ]] || before=$prev: cur=""
        [[ $prev != : ]] || before=${{COMP_WORDS[COMP_CWORD - 2]}}:
        for word in {PORTS}/*-*/idVendor; do
            [[ ! -r $word ]] || attached+=" $(<"$word"):$(<"${{word%Vendor}}Product")"
        done
        [[ -z $before$cur || $cur == -* ]] || attached+=" $_pymodeswitch_ids"
        mapfile -t COMPREPLY < <(compgen -W "$attached" -- "$before$cur")
        COMPREPLY=("${{COMPREPLY[@]#"$before"}}")
        [[ -z $before ]] || words=""
        ;;
    port)
        for word in {PORTS}/*-*; do
            [[ $word == *:* || ! -e $word ]] || words+=" ${{word##*/}}"
        done
        ;;
    file | folder)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -A "${{kind/folder/directory}}" -- "$cur")
        ;;
    esac
    [[ -z $words ]] || mapfile -t -O "${{#COMPREPLY[@]}}" COMPREPLY < <(compgen -W "$words" -- "$cur")
}}
complete -F _pymodeswitch pymodeswitch
"""


def _or(patterns: Iterable[str]) -> str:
    return " | ".join(f'"{pattern}"' for pattern in patterns)


def _indented(lines: Iterable[str]) -> str:
    return "\n".join(line[4:] for line in lines)


def _bash_value(option: CommandOption) -> str:
    words = " ".join(option.choices)
    return f'kind={_value(option)} words="{words}"'


def _bash_words(verb: Verb) -> str:
    words = [action.words[-1] for action in verb.actions]
    words += _flags(verb)
    kind = next((f" kind={p.kind}" for p in verb.positionals if p.kind), "")
    return f'words="{" ".join(words)}"{kind}'


def _flags(verb: Verb) -> list[str]:
    return [flag for option in verb.options for flag in option.flags]


# zsh


def zsh(verbs: Sequence[Verb], ids: Iterable[str] = ()) -> str:
    """For share/zsh/site-functions/_pymodeswitch. ids: as for bash."""
    with_actions = [line for verb in verbs if verb.actions for line in _zsh_actions(verb)]
    leaves = [line for verb in _with_actions(verbs) if not verb.actions for line in _zsh_leaf(verb)]
    newline = "\n"
    return f"""#compdef pymodeswitch
{HEAD.format(shell="zsh")}
_pymodeswitch_ports() {{
    setopt local_options extended_glob
    local -a ports
    ports=({PORTS}/*-*~*:*(N:t))
    compadd -a ports
}}
_pymodeswitch_ids() {{
    local -a ids
    local port
    for port in {PORTS}/*-*(N); do
        [[ ! -r $port/idVendor ]] || ids+=("$(<$port/idVendor):$(<$port/idProduct)")
    done
    [[ -z $PREFIX ]] || ids+=(
        {_lines(ids, 8)}
    )
    compadd -a ids
}}
_pymodeswitch() {{
    local curcontext=$curcontext verb={OPTIONAL_VERB}
    local -a verbs
    verbs=(
{_zsh_list(verbs, 8)}
    )
    if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then
        _describe -t verbs verb verbs
        _pymodeswitch_ids
        return
    fi
    case $words[2] in
    {" | ".join(verb.name for verb in verbs)}) verb=$words[2]; shift words; (( CURRENT-- )) ;;
    esac
    case $verb in
{newline.join(with_actions)}
    esac
    case $verb in
{newline.join(leaves)}
    esac
}}
_pymodeswitch "$@"
"""


def _zsh_list(verbs: Iterable[Verb], indent: int) -> str:
    return "\n".join(" " * indent + _zsh_quoted(f"{verb.words[-1]}:{verb.text}") for verb in verbs)


def _zsh_actions(verb: Verb) -> list[str]:
    """The second word of a verb that has actions."""
    return [
        f"    {verb.name})",
        "        if (( CURRENT == 2 )); then",
        "            verbs=(",
        _zsh_list(verb.actions, 16),
        "            )",
        "            _describe -t verbs action verbs",
        "            return",
        "        fi",
        '        verb+=" $words[2]"; shift words; (( CURRENT-- ))',
        "        ;;",
    ]


def _zsh_leaf(verb: Verb) -> list[str]:
    """The arguments of a verb or an action."""
    return [f'    "{verb.name}")', *_zsh_arguments(verb, 8), "        ;;"]


def _zsh_arguments(verb: Verb, indent: int) -> list[str]:
    specs = [_zsh_option(option) for option in verb.options]
    for positional in verb.positionals:
        action = ZSH_VALUES[positional.kind or "any"]
        place = "*:" if positional.repeats else "::" if positional.optional else ":"
        specs.append(_zsh_quoted(f"{place}{_zsh_text(positional.name)}:{action}"))
    blank = " " * indent
    lines = ["_arguments -S", *(f"    {spec}" for spec in specs)]
    return [f"{blank}{line} \\" for line in lines[:-1]] + [f"{blank}{lines[-1]}"]


ZSH_VALUES = {"file": "_files", "folder": "_files -/", "port": "_pymodeswitch_ports"}
ZSH_VALUES |= {"id": "_pymodeswitch_ids", "any": " "}


def _zsh_option(option: CommandOption) -> str:
    value = ""
    if option.value:
        action = f"({' '.join(option.choices)})" if option.choices else ZSH_VALUES[_value(option)]
        value = f":{_zsh_text(option.value)}:{action}"
    end = "=" if option.value else ""
    text = _zsh_quoted(f"[{_zsh_text(option.text)}]{value}")
    if len(option.flags) > 1:
        flags = ",".join(flag + end if flag.startswith("--") else flag for flag in option.flags)
        return f"'({' '.join(option.flags)})'{{{flags}}}{text}"
    return f"'{'*' * option.repeats}{option.flags[0]}{end}'{text}"


def _zsh_text(text: str) -> str:
    for special in "\\:[]":
        text = text.replace(special, f"\\{special}")
    return text


def _zsh_quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


# fish


def fish(verbs: Sequence[Verb], ids: Iterable[str] = ()) -> str:
    """For share/fish/vendor_completions.d/pymodeswitch.fish. ids: as for bash."""
    others = " ".join(verb.name for verb in verbs if verb.name != OPTIONAL_VERB)
    lines = [
        HEAD.format(shell="fish"),
        "function __pymodeswitch_ports",
        f"    for port in {PORTS}/*-*",
        "        string match -q '*:*' $port; or string replace -r '.*/' '' $port",
        "    end",
        "end",
        "function __pymodeswitch_ids",
        f"    for port in {PORTS}/*-*",
        "        test -r $port/idVendor; and echo (cat $port/idVendor):(cat $port/idProduct)",
        "    end",
        "    set -l word (commandline -ct)",
        '    test -n "$word"; or return',
        f"    string split -n ' ' '{_lines(ids, 4)}' | string trim",
        "end",
        "complete -c pymodeswitch -f",
        _fish("__fish_use_subcommand", "-a '(__pymodeswitch_ids)'"),
        _fish("__fish_use_subcommand", "-l version", "show the version"),
    ]
    for verb in verbs:
        lines.append(_fish("__fish_use_subcommand", f"-a {verb.name}", verb.text))
        seen = f"__fish_seen_subcommand_from {verb.name}"
        if verb.name == OPTIONAL_VERB:
            seen = f"not __fish_seen_subcommand_from {others}"
        actions = " ".join(action.words[-1] for action in verb.actions)
        for action in verb.actions:
            condition = f"{seen}; and not __fish_seen_subcommand_from {actions}"
            lines.append(_fish(condition, f"-a {action.words[-1]}", action.text))
            lines += _fish_arguments(action, f"{seen}; and __fish_seen_subcommand_from {action.words[-1]}")
        if not verb.actions:
            lines += _fish_arguments(verb, seen)
    return "\n".join([*lines, ""])


FISH_VALUES = {
    "file": "-r -F",
    "folder": "-x -a '(__fish_complete_directories)'",
    "port": "-x -a '(__pymodeswitch_ports)'",
    "id": "-x -a '(__pymodeswitch_ids)'",
    "any": "-x",
}


def _fish_arguments(verb: Verb, condition: str) -> list[str]:
    lines = []
    for option in verb.options:
        flags = " ".join(f"-l {f[2:]}" if f.startswith("--") else f"-s {f[1:]}" for f in option.flags)
        value = f" -x -a '{' '.join(option.choices)}'" if option.choices else ""
        if option.value and not value:
            value = f" {FISH_VALUES[_value(option)]}"
        lines.append(_fish(condition, f"{flags}{value}", option.text))
    kinds = {positional.kind for positional in verb.positionals}
    if "file" in kinds:
        lines.append(_fish(condition, "-F"))
    if "id" in kinds:
        lines.append(_fish(condition, "-a '(__pymodeswitch_ids)'"))
    return lines


def _fish(condition: str, what: str, text: str = "") -> str:
    """One completion, offered when the condition holds."""
    described = f" -d {_fish_quoted(text)}" if text else ""
    return f"complete -c pymodeswitch -n '{condition}' {what}{described}"


def _fish_quoted(text: str) -> str:
    text = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{text}'"
