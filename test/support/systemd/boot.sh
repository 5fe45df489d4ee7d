#!/bin/bash
# Boots a real systemd in a root of its own: boot.sh ROOT APP NODE_DIR
#   ROOT      an empty folder; becomes a tmpfs that nobody outside of the new mount namespace sees
#   APP       the built project; what runs of it is read-only at /opt/cascade
#   NODE_DIR  the folder that holds bin/node, read-only at /opt/node
# Has to be started as the first process of new mount, PID, UTS, IPC and cgroup namespaces with private propagation.
# systemd-tmpfiles of a booting systemd empties /tmp, so it must never share a writable tree with the host: the script
# pivots into the tmpfs and refuses to boot when any of /, /tmp and /var is not one.
set -euo pipefail
R=$1 APP=$2 NODE=$3
[ "$$" = 1 ] || { echo 'not the first process of a PID namespace' >&2; exit 91; }

mount -t tmpfs -o mode=755,size=1g tmpfs "$R"
cd "$R"
mkdir -p usr etc/systemd/system var/lib var/log var/cache var/tmp tmp run root home srv opt/cascade opt/node dev proc sys .old
for l in bin sbin lib lib32 lib64 libx32; do if [ -L /$l ]; then ln -s "$(readlink /$l)" $l; fi; done
mount --rbind /usr usr
mount -o remount,bind,ro usr
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs run
read_only() {
  mount --bind "$1" "$2"
  mount -o remount,bind,ro "$2"
}
read_only "$NODE" opt/node
# Part by part, so that the mode of a private clone's own folder does not matter.
for part in dist node_modules systemd; do
  mkdir opt/cascade/$part
  read_only "$APP/$part" opt/cascade/$part
done
cp "$APP/package.json" opt/cascade/
mount -t proc proc proc
for p in sys sysrq-trigger irq bus; do
  if [ -e proc/$p ]; then mount --bind proc/$p proc/$p; mount -o remount,bind,ro proc/$p; fi
done
mount -t sysfs -o ro sysfs sys || mount --bind /sys sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for n in null zero full random urandom tty; do touch dev/$n; mount --bind /dev/$n dev/$n; done
mkdir -p dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr

cat > etc/passwd <<'END'
root:x:0:0:root:/root:/bin/bash
ann:x:1001:1001::/home/ann:/bin/bash
eve:x:1002:1002::/home/eve:/bin/bash
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
END
groups='root|nogroup|systemd-journal|adm|tty|utmp|disk|kmem|wheel|input|kvm|render|video|audio|dialout|cdrom|tape|floppy|lp|users|shadow|staff|sgx'
grep -E "^($groups):" /etc/group > etc/group
printf 'ann:x:1001:\neve:x:1002:\n' >> etc/group
mkdir -p home/ann home/eve
chown 1001:1001 home/ann
chown 1002:1002 home/eve
printf 'passwd: files systemd\ngroup: files systemd\nhosts: files dns\n' > etc/nsswitch.conf
head -c16 /dev/urandom | od -An -tx1 | tr -d ' \n' > etc/machine-id
echo >> etc/machine-id
echo cascade-test > etc/hostname
printf '127.0.0.1 localhost\n' > etc/hosts
cp /etc/os-release etc/ 2> /dev/null || true
cp /etc/login.defs etc/ 2> /dev/null || true

printf '[Unit]\nDescription=Cascade test\nAllowIsolate=yes\nRequires=sysinit.target\n' > etc/systemd/system/test.target
off='tmpfiles-setup tmpfiles-setup-dev tmpfiles-clean sysctl binfmt remount-fs modules-load random-seed sysusers update-utmp
  machine-id-commit firstboot udevd udev-trigger hwdb-update timesyncd logind repart pstore boot-system-token'
for u in $off; do ln -sf /dev/null etc/systemd/system/systemd-$u.service; done
for u in kmod-static-nodes.service ldconfig.service tmp.mount dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount \
  sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount proc-sys-fs-binfmt_misc.automount \
  proc-sys-fs-binfmt_misc.mount systemd-ask-password-console.path systemd-ask-password-wall.path; do
  ln -sf /dev/null etc/systemd/system/$u
done

pivot_root . .old
cd /
umount -l /.old
rmdir /.old
for folder in / /tmp /var /run /etc; do
  [ "$(stat -f -c %T $folder)" = tmpfs ] || { echo "not isolated: $folder is not a tmpfs" >&2; exit 90; }
done
for folder in /usr /opt/cascade/dist /opt/cascade/node_modules /opt/node /proc/sys; do
  if touch $folder/.written 2> /dev/null; then echo "not isolated: $folder can be written" >&2; exit 90; fi
done

export container=cascade-test PATH=/usr/sbin:/usr/bin:/sbin:/bin
drop=cap_sys_module,cap_sys_time,cap_sys_rawio,cap_sys_boot,cap_mknod,cap_syslog,cap_mac_admin,cap_mac_override,cap_audit_control
exec capsh --drop=$drop -- -c \
  'exec /lib/systemd/systemd --system --unit=test.target --log-target=journal --show-status=0'
