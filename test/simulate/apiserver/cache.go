package apiserver

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Cache is a client's copy of the server's objects, which lags behind, each kind
// for itself, as watches do.
type Cache struct {
	server    *Server
	transform func(any) (any, error)
	tables    map[Kind]*table
	at        map[Kind]int
}

// NewCache returns a copy of everything as it is now. What becomes of it later
// is told by Next. The transform is applied to pods on their way in.
func (s *Server) NewCache(transform func(any) (any, error)) *Cache {
	c := &Cache{server: s, transform: transform, tables: map[Kind]*table{}, at: map[Kind]int{}}
	for _, k := range Kinds {
		t := newTable()
		for _, obj := range s.All(k, "") {
			t.apply(Change{After: c.strip(obj)})
		}
		c.tables[k], c.at[k] = &t, len(s.stores[k].changes)
	}
	return c
}

// Behind is by how many changes of a kind the cache lags.
func (c *Cache) Behind(k Kind) int { return len(c.server.stores[k].changes) - c.at[k] }

// Revision is the first that the cache may not show yet of some kind.
func (c *Cache) Revision() int64 {
	first := c.server.revision + 1
	for _, k := range Kinds {
		if c.Behind(k) > 0 {
			first = min(first, c.server.stores[k].changes[c.at[k]].Revision)
		}
	}
	return first
}

// Next takes in the next change of a kind, and returns it as an event handler
// sees it; false if there is none.
func (c *Cache) Next(k Kind) (Change, bool) {
	if c.Behind(k) == 0 {
		return Change{}, false
	}
	change := c.server.stores[k].changes[c.at[k]]
	c.at[k]++
	key := client.ObjectKeyFromObject(change.Object())
	if change.Before != nil {
		change.Before = c.tables[k].objects[key]
	}
	if change.After != nil {
		change.After = c.strip(change.After)
	}
	c.tables[k].apply(change)
	return change, true
}

// strip applies the transform to a copy.
func (c *Cache) strip(obj client.Object) client.Object {
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return obj
	}
	out, _ := c.transform(pod.DeepCopy())
	return out.(client.Object)
}

// Get reads an object from the cache.
func (c *Cache) Get(key types.NamespacedName, into client.Object) error {
	k := KindOf(into)
	return get(c.tables[k], k, key, into)
}

// List reads objects from the cache.
func (c *Cache) List(into client.ObjectList, opts ...client.ListOption) error {
	return list(c.tables[KindOf(into)], into, opts)
}
