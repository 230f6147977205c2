package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// file is one state of one file.
type file struct {
	body     []byte
	modified time.Time
}

// tag is strong: the same bytes have the same, other bytes another.
func (f *file) tag() string {
	sum := sha256.Sum256(f.body)
	return `"` + hex.EncodeToString(sum[:16]) + `"`
}

// store holds files below one folder. On disk a file is called after the hash of its name, so that no name can lead
// anywhere else. A new state is written beside the old one and then takes its place: a rename is one step, also for a
// reader and for a crash.
type store struct {
	folder string
	mutex  sync.Mutex
	count  atomic.Int64
}

func newStore(folder string) (*store, error) {
	if folder == "" {
		return nil, errors.New("FILES_DIR is not set")
	}
	return &store{folder: folder}, os.MkdirAll(folder, 0o755)
}

func (s *store) path(name string) string {
	sum := sha256.Sum256([]byte(name))
	return filepath.Join(s.folder, hex.EncodeToString(sum[:]))
}

func (s *store) read(name string) *file {
	opened, err := os.OpenFile(s.path(name), os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil
	}
	defer opened.Close() // what is open stays as it is, whatever takes its name
	body, err := io.ReadAll(opened)
	info, problem := opened.Stat()
	if err != nil || problem != nil {
		return nil
	}
	return &file{body, info.ModTime().Truncate(time.Second)}
}

// write puts body in its place; 201, 204, or 412 when allows refuses to replace the old state.
func (s *store) write(name string, body []byte, allows func(*file) bool) (int, error) {
	fresh := filepath.Join(s.folder, "new-"+strconv.Itoa(os.Getpid())+"-"+strconv.FormatInt(s.count.Add(1), 10))
	if err := os.WriteFile(fresh, body, 0o644); err != nil {
		return 0, err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	old := s.read(name)
	if !allows(old) {
		return 412, os.Remove(fresh)
	}
	if err := os.Rename(fresh, s.path(name)); err != nil {
		return 0, err
	}
	if old == nil {
		return 201, nil
	}
	return 204, nil
}

func (s *store) remove(name string) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return os.Remove(s.path(name)) == nil
}
