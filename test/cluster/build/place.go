package build

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"time"
)

// unusedFor is how long a light program stays in the cache unused.
const unusedFor = 24 * time.Hour

// place gives a program a name that holds a hash of its content: one that runs
// is never replaced under its feet, and equal ones share a file.
func place(from, to string) (string, error) {
	sum, err := fileHash(from)
	if err != nil {
		return "", err
	}
	removeOld(to + "-*")
	to += "-" + sum
	if exists(to) {
		now := time.Now()
		return to, os.Chtimes(to, now, now) // used
	}
	return to, os.Rename(from, to)
}

// removeOld removes programs that were not used for long. A failure is not
// worth failing for: the next one removes them.
func removeOld(pattern string) {
	paths, _ := filepath.Glob(pattern)
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > unusedFor {
			_ = os.Remove(path)
		}
	}
}

func fileHash(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil))[:12], nil
}

// mkdir makes the directory and returns it; where that fails, what uses it
// fails with a better error.
func mkdir(dir string) string {
	_ = os.MkdirAll(dir, 0o755)
	return dir
}
