package boxd

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	corelisters "k8s.io/client-go/listers/core/v1"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/podgate/podgate/test/cluster/wire"
)

// hostsHead begins the hosts file.
const hostsHead = "127.0.0.1 localhost\n"

// services follows Services and their endpoints. It keeps the hosts file, which
// is the cluster's DNS, and balances where there is no kube-proxy.
type services struct {
	box     *Box
	factory informers.SharedInformerFactory
	byName  corelisters.ServiceLister
	slices  discoverylisters.EndpointSliceLister
	changed chan struct{} // room for one: several changes, one rewrite
	mu      sync.Mutex    // guards written
	written string
}

func newServices(b *Box) *services {
	factory := informers.NewSharedInformerFactory(b.client, 0)
	s := &services{
		box: b, factory: factory,
		byName:  factory.Core().V1().Services().Lister(),
		slices:  factory.Discovery().V1().EndpointSlices().Lister(),
		changed: make(chan struct{}, 1),
	}
	mark := func() {
		select {
		case s.changed <- struct{}{}:
		default:
		}
	}
	handler := cache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { mark() }, UpdateFunc: func(any, any) { mark() }, DeleteFunc: func(any) { mark() },
	}
	_, _ = factory.Core().V1().Services().Informer().AddEventHandler(handler)            // fails only once stopped
	_, _ = factory.Discovery().V1().EndpointSlices().Informer().AddEventHandler(handler) // the same
	return s
}

func (s *services) start(ctx context.Context) {
	s.factory.Start(ctx.Done())
	s.factory.WaitForCacheSync(ctx.Done())
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-s.changed:
			}
			if err := s.writeHosts(); err != nil {
				s.box.say(fmt.Sprintf("write the hosts file: %v", err))
			}
			time.Sleep(50 * time.Millisecond) // gather
		}
	}()
}

func (b *Box) hostsFile() string { return b.path("hosts") }

// writeHosts rewrites the hosts file in place: it is mounted by its inode, so
// that a new file under the same name would not be seen.
func (s *services) writeHosts() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	content := s.hosts()
	if content == s.written {
		return nil
	}
	file, err := os.OpenFile(s.box.hostsFile(), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.WriteAt([]byte(content), 0); err != nil {
		return err
	}
	s.written = content
	return file.Truncate(int64(len(content)))
}

// hosts is the content of the hosts file: each Service under the names that
// the cluster's DNS would give it. A headless Service has its endpoints'
// addresses; so has every Service where there is no kube-proxy.
func (s *services) hosts() string {
	all, err := s.byName.List(labels.Everything())
	if err != nil {
		return hostsHead
	}
	slices.SortFunc(all, func(a, b *core.Service) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
	text := strings.Builder{}
	text.WriteString(hostsHead)
	for _, service := range all {
		base := service.Name + "." + service.Namespace
		for _, ip := range s.hostAddresses(service) {
			fmt.Fprintf(&text, "%s %s %s.svc %s.svc.cluster.local\n", ip, base, base, base)
		}
	}
	return text.String()
}

func (s *services) hostAddresses(service *core.Service) []string {
	ip := service.Spec.ClusterIP
	if ip != "" && ip != core.ClusterIPNone && s.box.config.Mode == wire.Namespaces {
		return []string{ip}
	}
	var addresses []string
	for _, endpoint := range s.endpoints(service, "") {
		host, _, _ := net.SplitHostPort(endpoint) // made by JoinHostPort
		addresses = append(addresses, host)
	}
	slices.Sort(addresses)
	return slices.Compact(addresses)
}

// resolve turns the address of a Service's port into that of one of its ready
// endpoints, at random, and a pod's address into where it is served.
func (s *services) resolve(address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	service, number := s.find(host, port)
	if service == nil {
		return net.JoinHostPort(s.box.served(host), port), nil
	}
	endpoints := s.endpoints(service, portName(service, number))
	if len(endpoints) == 0 {
		return "", fmt.Errorf("dial tcp %s: connection refused: Service %s/%s has no ready endpoint", address, service.Namespace, service.Name)
	}
	return endpoints[rand.IntN(len(endpoints))], nil
}

// find finds the Service that has the address, or the name, and the port.
func (s *services) find(host, port string) (*core.Service, int32) {
	number, err := strconv.ParseInt(port, 10, 32)
	if err != nil {
		return nil, 0
	}
	all, _ := s.byName.List(labels.Everything()) // a cache: it does not fail
	for _, service := range all {
		base := service.Name + "." + service.Namespace
		names := []string{service.Spec.ClusterIP, base, base + ".svc", base + ".svc.cluster.local"}
		if slices.Contains(names, host) && host != core.ClusterIPNone {
			return service, int32(number)
		}
	}
	return nil, 0
}

func portName(service *core.Service, number int32) string {
	for _, port := range service.Spec.Ports {
		if port.Port == number {
			return port.Name
		}
	}
	return "\x00" // no such name: no endpoint
}

// endpoints is where a Service's ready endpoints are served, for the port of
// the given name.
func (s *services) endpoints(service *core.Service, port string) []string {
	selector := labels.SelectorFromSet(labels.Set{discovery.LabelServiceName: service.Name})
	found, _ := s.slices.EndpointSlices(service.Namespace).List(selector) // a cache: it does not fail
	var addresses []string
	for _, slice := range found {
		for _, p := range slice.Ports {
			if p.Port == nil || (p.Name != nil && *p.Name != port && port != "") {
				continue
			}
			for _, endpoint := range slice.Endpoints {
				if endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready {
					addresses = append(addresses, net.JoinHostPort(s.box.served(endpoint.Addresses[0]), strconv.Itoa(int(*p.Port))))
				}
			}
		}
	}
	return addresses
}
