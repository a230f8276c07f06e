# Takes the identity and the traces of a guest away. $1: `do`, or `check` to tell only; $2: `stay` or `shutdown`; the rest: what to take away.
# Each line it writes tells an item, and how many files and bytes that are; a line `note` tells a person something, a line `failed` a file that stayed.
set -u
LC_ALL=C
export LC_ALL
mode=$1
after=$2
shift 2
# By what it is known: to RHSM and Insights, to SUSE's customer center, to FreeIPA, to Puppet.
registrations='/etc/pki/consumer /etc/pki/entitlement /etc/insights-client/machine-id /etc/zypp/credentials.d/SCCcredentials /etc/SUSEConnect
  /etc/krb5.keytab /var/lib/puppet/ssl /etc/puppetlabs/puppet/ssl'

# Takes files away, or makes them empty, and tells how much that was, or what it could not. Reads their names from its input.
# $1: the item; $2: `remove` or `empty`.
take() {
  count=0
  bytes=0
  while IFS= read -r file; do
    [ -e "$file" ] || [ -L "$file" ] || continue
    size=$(stat -c %s -- "$file") || continue
    [ "$2" = empty ] && [ "$size" = 0 ] && continue
    if [ "$mode" = do ]; then
      if [ "$2" = empty ]; then : >"$file"; else rm -f -- "$file"; fi 2>/dev/null || {
        printf 'failed\t%s\n' "$file"
        continue
      }
    fi
    count=$((count + 1))
    bytes=$((bytes + size))
  done
  printf '%s\t%d\t%d\n' "$1" "$count" "$bytes"
}

# Every file below what is there of the folders and files named.
below() {
  for path; do
    [ -e "$path" ] || [ -L "$path" ] && find "$path" -xdev ! -type d -print
  done
}

homes() {
  cut -d : -f 6 /etc/passwd | sort -u | while IFS= read -r home; do
    case $home in /root | /home/*) printf '%s\n' "$home" ;; esac
  done
}

for item; do
  case $item in
    # Empty, and not gone: then systemd makes a new one at the next boot, also where /etc can only be read.
    machine_id)
      printf '%s\n' /etc/machine-id | take machine_id empty
      # What dbus has is a link to it, or a copy.
      [ -L /var/lib/dbus/machine-id ] || printf '%s\n' /var/lib/dbus/machine-id | take machine_id remove
      # By which SUSE counts its systems, in its golden images taken away too.
      printf '%s\n' /var/lib/zypp/AnonymousUniqueId | take machine_id remove
      ;;
    random_seed) below /var/lib/systemd/random-seed /var/lib/systemd/credential.secret /var/lib/NetworkManager/secret_key | take random_seed remove ;;
    cloud_init)
      below /var/lib/cloud/instance /var/lib/cloud/instances /var/lib/cloud/data /var/lib/cloud/sem /var/lib/cloud/handlers /var/lib/cloud/scripts /run/cloud-init |
        take cloud_init remove
      ;;
    leases)
      below /var/lib/dhcp /var/lib/dhclient /var/lib/NetworkManager /run/systemd/netif/leases | grep -E '/[^/]*leases?$|/internal-[^/]*$|netif/leases/' |
        take leases remove
      # wicked's: its leases, and by what it is known to DHCP (duid.xml, iaid.xml).
      below /var/lib/wicked | grep -E '/(lease-|duid|iaid)[^/]*[.]xml$' | take leases remove
      ;;
    caches)
      { below /var/cache/apt/archives | grep '[.]deb$'; below /var/cache/dnf /var/cache/libdnf5 /var/cache/yum /var/cache/zypp /var/tmp; } | take caches remove
      ;;
    logs)
      below /var/log | grep -E '[.](gz|xz|bz2|zst|old)$|[.-][0-9]+$|/journal/|/cloud-init' | take logs remove
      find /var/log -xdev -type f 2>/dev/null | take logs empty
      ;;
    history)
      homes | while IFS= read -r home; do
        printf '%s\n' "$home/.bash_history" "$home/.zsh_history" "$home/.python_history" "$home/.lesshst" "$home/.viminfo" "$home/.wget-hsts"
      done | take history remove
      ;;
    mark) below /etc/virtbridge/guest.json | take mark remove ;;
    registrations)
      below $registrations | take registrations remove
      ;;
  esac
done
case " $* " in
  *' registrations '*) ;;
  *)
    for path in $registrations; do
      [ -e "$path" ] && [ -n "$(below "$path" | head -n 1)" ] && printf 'note\t%s is left: a clone of this guest would be taken for this guest by who gave it\n' "$path"
    done
    ;;
esac

case " $* " in
  *' ssh_host_keys '*)
    ls /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub 2>/dev/null | take ssh_host_keys remove
    # RHEL has units for it, SUSE a program that its sshd.service starts first.
    if ! command -v cloud-init >/dev/null 2>&1 && ! grep -qs gen-keys /usr/lib/systemd/system/sshd.service && ! ls /usr/lib/systemd/system/sshd-keygen* /lib/systemd/system/sshd-keygen* /etc/systemd/system/*ssh*key* >/dev/null 2>&1; then
      printf 'note\tnothing in this guest makes new SSH host keys when it boots: have it done (ssh-keygen -A) before anybody needs to get in\n'
    fi
    ;;
esac

# Once its keys are gone nobody could tell it to.
if [ "$after" = shutdown ] && [ "$mode" = do ]; then
  (sleep 2 && exec shutdown -h now) </dev/null >/dev/null 2>&1 &
fi
exit 0
