#!/bin/sh
# Make the image of a Debian machine for the driver vm: images/debian.sh FOLDER
#
# FOLDER gets disk.raw (2 GiB, of which 0.5 are written), vmlinuz and initrd. Debian's own cloud-init is in it, and
# PyPI's boto3: Debian 12's is of before AWS_ENDPOINT_URL. Nothing in it knows of Tabard. It takes a minute or two, and
# needs root: it unpacks files of many owners.
set -eu
[ $# -eq 1 ] || { echo "usage: images/debian.sh FOLDER" >&2; exit 2; }
missing=
command -v mmdebstrap >/dev/null || missing="$missing mmdebstrap"
command -v mke2fs >/dev/null || missing="$missing e2fsprogs"
${PYTHON:-python3} -m pip --version >/dev/null 2>&1 || missing="$missing python3-pip"
[ -z "$missing" ] || { echo "images/debian.sh needs: apt-get install$missing" >&2; exit 1; }
[ "$(id -u)" -eq 0 ] || { echo "images/debian.sh has to be run as root" >&2; exit 1; }

mkdir -p "$1"
folder=$(cd "$1" && pwd)
made=$(mktemp -d "$folder/making.XXXXXX")
trap 'rm -rf "$made"' EXIT

packages=linux-image-cloud-amd64,initramfs-tools,systemd-sysv,udev,dbus,netbase,iproute2,ifupdown,isc-dhcp-client
packages=$packages,cloud-init,ca-certificates

# The hooks' $1 is the new root. cloud-init would generate a locale that nobody asked for.
# shellcheck disable=SC2016
mmdebstrap --quiet --variant=minbase --include="$packages" \
    --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook='echo "locale: C.UTF-8" > "$1/etc/cloud/cloud.cfg.d/90_locale.cfg"' \
    --customize-hook='echo "LANG=C.UTF-8" > "$1/etc/default/locale"' \
    --customize-hook='ln -sf /dev/null "$1/etc/systemd/system/e2scrub_reap.service"' \
    --customize-hook='ln -sf /dev/null "$1/etc/systemd/system/apt-daily.timer"' \
    --customize-hook='ln -sf /dev/null "$1/etc/systemd/system/apt-daily-upgrade.timer"' \
    --customize-hook='rm -rf "$1/etc/resolv.conf" "$1/var/cache/apt" "$1/var/lib/apt/lists"' \
    --customize-hook='rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap" "$1/etc/dpkg/dpkg.cfg.d/99mmdebstrap"' \
    --customize-hook='echo > "$1/etc/hostname"; : > "$1/etc/machine-id"' \
    bookworm "$made/tree"
library=/usr/local/lib/python3.11/dist-packages
${PYTHON:-python3} -m pip install --quiet --disable-pip-version-check --no-compile --root-user-action=ignore \
    --target "$made/tree$library" boto3 'urllib3<2'
chroot "$made/tree" python3 -m compileall -q "$library"
cp "$made"/tree/boot/vmlinuz-* "$made/vmlinuz"
cp "$made"/tree/boot/initrd.img-* "$made/initrd"
mke2fs -q -t ext4 -L root -d "$made/tree" "$made/disk.raw" 2G

# The kernel is opened by the user that the machine's QEMU runs as; nothing of an image is secret.
chmod 644 "$made/disk.raw" "$made/vmlinuz" "$made/initrd"
mv "$made/disk.raw" "$made/vmlinuz" "$made/initrd" "$folder/"
