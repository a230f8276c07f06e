# Looks at a guest and changes nothing. Each line it writes is a fact: its kind and what is told of it, with tabs between.
# $1: tell certificates that end within so many seconds; the rest: the folders they are looked for in.
LC_ALL=C
export LC_ALL
within=$1
shift

# A guest without a table of mounts still has its root.
{
  df -PTkl -x tmpfs -x devtmpfs -x squashfs -x overlay -x efivarfs 2>/dev/null
  df -PTk / 2>/dev/null
} | awk '$1 != "Filesystem" && $3 > 0 && !seen[$7]++ { printf "disk\t%s\t%s\t%d\t%d\t%d\n", $7, $2, $3 / 1024, $5 / 1024, $6 }' | head -n 50

{
  df -Pil -x tmpfs -x devtmpfs -x squashfs -x overlay -x efivarfs 2>/dev/null
  df -Pi / 2>/dev/null
} | awk '$1 != "Filesystem" && $2 > 0 && !seen[$6]++ { printf "files\t%s\t%d\n", $6, $5 }' | head -n 50

awk '{ printf "uptime\t%d\n", $1 }' /proc/uptime
awk '$1 == "MemTotal:" { printf "memory\t%d\n", $2 / 1024 }' /proc/meminfo

if [ -d /run/systemd/system ]; then
  systemctl list-units --state=failed --plain --no-legend --no-pager | awk '{ printf "failed\t%s\n", $1 }' | head -n 50
fi

# Links in /etc/ssl/certs lead to the authorities of the distribution, which are not this guest's to renew.
if command -v openssl >/dev/null 2>&1; then
  for folder; do
    [ -d "$folder" ] && find "$folder" -maxdepth 3 -type f \( -name '*.pem' -o -name '*.crt' -o -name '*.cer' \) -size -64k -print
  done 2>/dev/null | sort -u | head -n 1000 | while IFS= read -r file; do
    # What is no certificate has no end, and what lasts longer is not told.
    ends=$(openssl x509 -in "$file" -noout -enddate 2>/dev/null) || continue
    openssl x509 -in "$file" -noout -checkend "$within" >/dev/null 2>&1 && continue
    printf 'certificate\t%s\t%s\n' "$(date -u -d "${ends#notAfter=}" +%Y-%m-%dT%H:%M:%SZ)" "$(printf %s "$file" | tr -c '[:print:]' '?')"
  done | sort | head -n 50
fi
exit 0
