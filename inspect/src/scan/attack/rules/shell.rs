//! Names of commands in pieces that a shell joins: `c""at`, `w'h'oami`, `cu$@rl`, `pi``ng`.

/// Commands that attacks run, small letters, without the digits and dots of a version.
const COMMANDS: &[&str] = &[
    "alias",
    "apt",
    "apt-get",
    "arp",
    "at",
    "awk",
    "base64",
    "bash",
    "bitsadmin",
    "busybox",
    "cat",
    "certutil",
    "chmod",
    "chown",
    "chroot",
    "cmd",
    "cp",
    "crontab",
    "csh",
    "curl",
    "cut",
    "dash",
    "date",
    "dd",
    "df",
    "dig",
    "dir",
    "dmesg",
    "docker",
    "du",
    "echo",
    "egrep",
    "env",
    "eval",
    "exec",
    "export",
    "find",
    "fold",
    "ftp",
    "gawk",
    "gcc",
    "getent",
    "grep",
    "head",
    "hexdump",
    "host",
    "hostname",
    "id",
    "ifconfig",
    "ip",
    "ipconfig",
    "iptables",
    "java",
    "kill",
    "ksh",
    "kubectl",
    "last",
    "less",
    "ln",
    "ls",
    "lscpu",
    "lsof",
    "make",
    "mkdir",
    "mkfifo",
    "more",
    "mshta",
    "mv",
    "nano",
    "nc",
    "ncat",
    "net",
    "netcat",
    "netstat",
    "nl",
    "nmap",
    "node",
    "nohup",
    "nslookup",
    "od",
    "openssl",
    "passwd",
    "paste",
    "perl",
    "php",
    "ping",
    "pip",
    "powershell",
    "printenv",
    "printf",
    "ps",
    "pwd",
    "pwsh",
    "python",
    "reg",
    "rev",
    "rm",
    "rmdir",
    "route",
    "ruby",
    "rundll",
    "scp",
    "sed",
    "set",
    "sh",
    "shutdown",
    "sleep",
    "socat",
    "sort",
    "source",
    "ssh",
    "strace",
    "strings",
    "su",
    "sudo",
    "systeminfo",
    "tac",
    "tail",
    "tar",
    "tasklist",
    "tcpdump",
    "tee",
    "telnet",
    "tftp",
    "time",
    "timeout",
    "top",
    "touch",
    "tracert",
    "traceroute",
    "type",
    "uname",
    "useradd",
    "vi",
    "vim",
    "wget",
    "who",
    "whoami",
    "wmic",
    "xargs",
    "xxd",
    "zip",
    "zsh",
];
/// Longest name that is looked up, in bytes.
const LONGEST: usize = 16;

/// Whether the first word of a match is a command's name once a shell has joined it. What stands before the word (a
/// separator, quotes) is passed over.
pub(super) fn is_command(matched: &[u8]) -> bool {
    let before = matched.iter().take_while(|b| !b.is_ascii_alphanumeric()).count();
    let mut rest = matched.get(before..).unwrap_or_default();
    let mut name = [0; LONGEST];
    let mut length = 0;
    while let Some((byte, behind)) = rest.split_first() {
        if byte.is_ascii_alphanumeric() || b".-_".contains(byte) {
            let Some(slot) = name.get_mut(length) else { return false };
            *slot = *byte;
            length += 1;
            rest = behind;
        } else if let Some(behind) = joint(rest) {
            rest = behind;
        } else {
            break;
        }
    }
    let name = name.get(..length).unwrap_or_default();
    let version = name.iter().rev().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
    let name = name.get(..length - version).unwrap_or_default();
    COMMANDS.iter().any(|command| command.as_bytes() == name)
}

/// What follows something that a shell puts nothing in place of: quotes, a backslash, a caret (cmd.exe), an empty variable, the
/// output of no command.
fn joint(text: &[u8]) -> Option<&[u8]> {
    let length = match text {
        [b'\'' | b'"' | b'\\' | b'`' | b'^', ..] => 1,
        [b'$' | b'<' | b'>', b'(', b')', ..] => 3,
        [b'$', b'{', inside @ ..] => 3 + inside.iter().position(|b| *b == b'}')?,
        [b'$', b'@' | b'*' | b'#' | b'!' | b'?' | b'$' | b'_' | b'-' | b'0'..=b'9', ..] => 2,
        _ => return None,
    };
    text.get(length..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_pieces_are_commands_or_not() {
        for text in [
            "c\"\"at /etc",
            ";w'h'oami",
            "= \"\"p\"\"y\"\"thon\"\"3\".\"10",
            "c\\at",
            "cu$@rl a",
            "pi``ng 1",
            "c${x}at",
            "wh<()o",
        ] {
            assert!(is_command(text.as_bytes()), "{text}");
        }
        for text in [
            "a\"\"amet\"",
            "o''brien",
            "corp\\alice",
            "",
            ";\"",
            "c${at",
            "aaaaaaaaaaaaaaaaaaaaaaaaa\"\"cat",
            "cats",
            "2.0",
        ] {
            assert!(!is_command(text.as_bytes()), "{text}");
        }
    }
}
