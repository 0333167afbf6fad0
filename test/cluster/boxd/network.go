package boxd

import (
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// setUpNetwork makes every address of podCIDR local to the box, so that each
// pod has an address of its own without a device of its own, and gives packets
// to Services a way out through which kube-proxy's rules see them.
func setUpNetwork() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find the loopback device: %w", err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return fmt.Errorf("bring the loopback device up: %w", err)
	}
	address, err := netlink.ParseAddr(controlIP + "/32")
	if err != nil {
		return err
	}
	if err := netlink.AddrAdd(lo, address); err != nil {
		return fmt.Errorf("add the address %s: %w", controlIP, err)
	}
	index := lo.Attrs().Index
	routes := []netlink.Route{
		{Dst: mustCIDR(podCIDR), LinkIndex: index, Type: unix.RTN_LOCAL, Table: unix.RT_TABLE_LOCAL, Scope: netlink.SCOPE_HOST},
		{Dst: mustCIDR(serviceCIDR), LinkIndex: index, Scope: netlink.SCOPE_LINK, Src: net.ParseIP(controlIP)},
	}
	for _, route := range routes {
		if err := netlink.RouteAdd(&route); err != nil {
			return fmt.Errorf("add the route to %s: %w", route.Dst, err)
		}
	}
	return nil
}

// mustCIDR parses one of our constants.
func mustCIDR(cidr string) *net.IPNet {
	_, network, err := net.ParseCIDR(cidr)
	if err != nil {
		return &net.IPNet{} // unreachable: the constants are tested
	}
	return network
}

// setUpMounts gives the box its own /proc (process numbers are its own), its
// own /run, where pods find their service account, and the hosts file that is
// the cluster's DNS. What the host does not permit is returned as notes: the
// box works without, in part.
func setUpMounts(hosts string) (notes []string) {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return []string{fmt.Sprintf("cannot make mounts private (%v): pods get no files at /var/run/secrets", err)}
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		notes = append(notes, fmt.Sprintf("cannot mount /proc (%v): process metrics of pods are missing or wrong", err))
	}
	if err := mountRun(); err != nil {
		notes = append(notes, fmt.Sprintf("cannot mount over /run (%v): pods get no files at /var/run/secrets", err))
	}
	if err := unix.Mount(hosts, "/etc/hosts", "", unix.MS_BIND, ""); err != nil {
		notes = append(notes, fmt.Sprintf("cannot mount over /etc/hosts (%v): names of Services do not resolve", err))
	}
	return notes
}

// mountRun mounts an empty /run. /var/run is a link to it on every current
// distribution; where it is not, that directory is what is mounted over.
func mountRun() error {
	run, err := filepath.EvalSymlinks("/var/run")
	if err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", run, "tmpfs", 0, "mode=0755"); err != nil {
		return err
	}
	return os.MkdirAll(filepath.Join(run, "lock"), 0o755)
}
