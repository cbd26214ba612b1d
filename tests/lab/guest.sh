#!/bin/bash
# The lab's guest: init of the User-Mode Linux kernel, which hands on LAB_RUN, the directory of the run.
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
mount -t tmpfs run /run
mkdir -p /dev/pts /dev/shm /run/lock /run/lab /run/share
L=/run/lab
# writable although the root is not
mount -t hostfs -o $LAB_RUN none $L
. $L/conf
T=$TOOLS
export PATH=$T/usr/bin:$T/bin:$T/usr/sbin:$T/sbin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

finish() { echo "$1" >$L/rc; sync; echo o >/proc/sysrq-trigger; sleep 60; }
failed() {
  echo "lab: guest: $*" >&2
  [ ! -e /run/tgtd.log ] || tail -5 /run/tgtd.log >&2
  finish 125
}
wait_for() { local i; for i in {1..250}; do "$@" && return; sleep 0.02; done; return 1; }
load() { modprobe -d $MODULES -S $(uname -r) "$@" || failed "modprobe $*"; }

mount -t devpts -o gid=5,mode=620,ptmxmode=666 pts /dev/pts
[ -L /dev/fd ] || { ln -s /proc/self/fd /dev/fd; ln -s fd/0 /dev/stdin; ln -s fd/1 /dev/stdout; ln -s fd/2 /dev/stderr; }
if [ "$INTERACTIVE" = 0 ]; then
  stty -F /dev/tty1 raw -echo -opost; stty -F /dev/tty2 raw -echo -opost
  exec </dev/null >/dev/tty1 2>/dev/tty2
else
  exec </dev/tty1 >/dev/tty1 2>&1
fi
# What a program is used to write to is the guest's own.
for dir in /tmp /var/tmp /dev/shm; do mount -t tmpfs -o mode=1777 tmp $dir; done
mount -t hostfs -o "$SHARE" none /run/share || failed "cannot mount $SHARE"
eval "set -- $SEEN"
for dir; do mkdir -p "$dir"; mount -t hostfs -o "$dir" none "$dir" || failed "cannot mount $dir"; done
hostname tapelab
ip link set lo up || failed "no loopback network"
load sg; load st $ST_OPTS; load ch; load iscsi_tcp
[ ! -d /etc/iscsi ] || mount -t tmpfs x /etc/iscsi

log_in() { # TARGET: by the kernel's initiator, which needs no daemon for that
  iscsistart -i iqn.2026-01.lab:initiator -t $1 -g 1 -a 127.0.0.1 -p 3260 >/run/iscsistart.log 2>&1 ||
    { cat /run/iscsistart.log >&2; failed "the initiator cannot log in to $1"; }
}

# A library by tgtd. A drive needs a cartridge to be made with, which is taken out again at once (online=0).
start_tgt() {
  tgtd -f --iscsi portal=127.0.0.1:3260 >/run/tgtd.log 2>&1 &
  answers() { tgtadm --op show --mode target >/dev/null 2>&1; }
  wait_for answers || failed "tgtd did not start"
  adm() { tgtadm --lld iscsi "$@" || failed "tgtadm $*"; }
  lu() { adm --mode logicalunit --op "$@"; }
  tape() { tgtimg --op new --device-type tape --type data --thin-provisioning "$@" >/dev/null || failed "tgtimg $*"; }
  local media=$L/media changer=$((DRIVES + 1)) i code address=1000
  set -- $BARCODES
  truncate -s 1024 $media/.changer
  tape --barcode NONE --size 1 --file $media/.none
  for code; do tape --barcode $code --size $TAPE_MB --file $media/$code; done
  adm --op new --mode target --tid 1 -T iqn.2026-01.lab:tgt
  for ((i = 1; i <= DRIVES; i++)); do
    lu new --tid 1 --lun $i -b $media/.none --device-type=tape
    lu update --tid 1 --lun $i --params online=0
    lu update --tid 1 --lun $i --params \
      vendor_id=IBM,product_id=ULT3580-TD6,product_rev=0001,scsi_sn=$(printf 'LABDRV%04d' $i)
  done
  lu new --tid 1 --lun $changer -b $media/.changer --device-type=changer
  update() { lu update --tid 1 --lun $changer --params "$@"; }
  update media_home=$media,vendor_id=STK,product_id=L700,product_rev=0001,scsi_sn=LABCHG0001
  update element_type=4,start_address=1,quantity=$DRIVES
  for ((i = 1; i <= DRIVES; i++)); do update element_type=4,address=$i,tid=1,lun=$i; done
  update element_type=1,start_address=500,quantity=1
  [ $MAIL_SLOTS = 0 ] || update element_type=3,start_address=600,quantity=$MAIL_SLOTS
  update element_type=2,start_address=1000,quantity=$SLOTS
  for code; do update element_type=2,address=$address,barcode=$code,sides=1; address=$((address + 1)); done
  adm --op bind --mode target --tid 1 -I ALL
  log_in iqn.2026-01.lab:tgt
}

case $BACKEND in
tgt) start_tgt ;;
scsi-debug) load scsi_debug ptype=1 num_tgts=1 max_luns=$DRIVES lun_format=0 delay=0 ;;
esac
[ -z "$SETUP" ] || . $SETUP

# The drivers attach one after the other: wait for every node of every tape drive and changer.
complete() {
  local device type found=
  for device in /sys/bus/scsi/devices/[0-9]*:*; do
    [ -e $device/type ] || continue
    read type <$device/type
    case $type in
    1) set -- $device/scsi_tape/nst*[0-9] ;;
    8) set -- $device/scsi_changer/sch* ;;
    *) continue ;;
    esac
    found=1
    [ -e $1 ] && [ -e /dev/${1##*/} ] || return 1
    set -- $device/scsi_generic/sg*
    [ -e $1 ] && [ -e /dev/${1##*/} ] || return 1
  done
  [ -n "$found" ] || [ $BACKEND = none ]
}
wait_for complete || failed "the kernel found no drive"
drives= sgs= changer=
for sg in /sys/class/scsi_generic/sg*; do
  [ -e $sg/device/type ] || continue
  case $(cat $sg/device/type) in
  1) nst=$(ls $sg/device/scsi_tape | grep -x 'nst[0-9]*'); drives="$drives /dev/$nst"; sgs="$sgs /dev/${sg##*/}" ;;
  8) changer=${changer:-/dev/${sg##*/}} ;;
  esac
done
export TAPELAB=1 TAPELAB_CHANGER=$changer TAPELAB_DRIVES="${drives# }" TAPELAB_DRIVE_SGS="${sgs# }" TAPELAB_SHARE=/run/share
[ ! -e /dev/sch0 ] || export TAPELAB_SCH=/dev/sch0
. $L/env
cd "$CWD" 2>/dev/null || cd /
if [ "$INTERACTIVE" = 1 ]; then setsid -c bash -l </dev/tty1 >/dev/tty1 2>&1; else bash $L/cmd; fi
status=$?
[ "$DMESG" = 0 ] || dmesg >$L/dmesg
finish $status
