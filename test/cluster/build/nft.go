package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// nftPackages are Debian's names of nft and the libraries it needs.
var nftPackages = []string{"nftables", "libnftables1", "libnftnl11", "libmnl0", "libjansson4", "libedit2", "libxtables12", "libgmp10", "libbsd0"}

// NFT makes sure that the program nft is there, for kube-proxy. It returns the
// environment with which it is found, which is none if it is installed. On
// Debian and its kin it installs or unpacks what is missing.
func NFT(ctx context.Context, log io.Writer) (env []string, err error) {
	if _, err := exec.LookPath("nft"); err == nil {
		return nil, nil
	}
	for _, path := range []string{"/usr/sbin/nft", "/sbin/nft"} { // not on every user's PATH
		if exists(path) {
			return []string{"PATH=" + os.Getenv("PATH") + ":" + filepath.Dir(path)}, nil
		}
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return nil, errors.New("there is no nft, and no apt-get to get it with")
	}
	if os.Geteuid() == 0 {
		fmt.Fprintln(log, "installing the package nftables, for kube-proxy")
		if err := apt(ctx, "", "install", "-y", "--no-install-recommends", "nftables"); err == nil {
			return nil, nil
		}
	}
	return unpackNFT(ctx, log)
}

// unpackNFT puts nft and its libraries into the cache; that needs no root.
func unpackNFT(ctx context.Context, log io.Writer) ([]string, error) {
	cache, err := Cache()
	if err != nil {
		return nil, err
	}
	dir, err := Once(filepath.Join(cache, "nftables"), "nftables", log, func(into, dir string) error {
		fmt.Fprintf(log, "getting the package nftables, for kube-proxy, into %s\n", dir)
		return unpack(ctx, into)
	})
	if err != nil {
		return nil, err
	}
	libraries, err := filepath.Glob(filepath.Join(dir, "usr", "lib", "*-linux-*"))
	if err != nil {
		return nil, err
	}
	return []string{
		"PATH=" + os.Getenv("PATH") + ":" + filepath.Join(dir, "usr", "sbin"),
		"LD_LIBRARY_PATH=" + strings.Join(libraries, ":"),
	}, nil
}

// unpack downloads the packages, each by itself as some may have other names
// here, and unpacks those that it gets.
func unpack(ctx context.Context, dir string) error {
	for i, name := range nftPackages {
		if err := apt(ctx, dir, "download", name); err != nil && i == 0 {
			return err
		}
	}
	archives, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil {
		return err
	}
	for _, archive := range archives {
		if out, err := exec.CommandContext(ctx, "dpkg-deb", "-x", archive, dir).CombinedOutput(); err != nil {
			return fmt.Errorf("unpack %s: %w: %s", filepath.Base(archive), err, out)
		}
	}
	return nil
}

// apt runs apt-get; where that fails as root, once more with fresh lists.
func apt(ctx context.Context, dir string, args ...string) error {
	run := func(args ...string) error {
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w: %s", strings.Join(args, " "), err, out)
		}
		return nil
	}
	err := run(args...)
	if err != nil && os.Geteuid() == 0 {
		if err := run("update"); err != nil {
			return err
		}
		return run(args...)
	}
	return err
}
