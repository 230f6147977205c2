// What must outlive the process: a journal that is only appended to, and in memory what it adds up to.
//
// A write is in the operating system's hands when it returns, so it survives SIGKILL. Surviving a power cut, too, would
// take file.Sync().

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// worthIt is how many lines of the journal may say nothing any more before it is written anew.
const worthIt = 4096

// Finish is the answer that a key ended with.
type Finish struct {
	Status      int    `json:"status"`
	ContentType string `json:"content_type"`
	Location    string `json:"location,omitempty"`
	Body        []byte `json:"body"`
	AtMs        int64  `json:"at_ms"` // by the time of day: a key's age outlives the process
}

// Entry is what is known of a key. Without a finish its charge request may have been sent: it is unresolved.
type Entry struct {
	Payload   Payload
	Reference string
	Finish    *Finish
}

// Payment is what lists show.
type Payment struct {
	ID      string `json:"id"`
	Account string `json:"account"`
	Body    []byte `json:"body,omitempty"`
}

// line is one line of the journal: a key's reference, its finish (perhaps with a payment), or its end.
type line struct {
	Name
	Payload   *Payload `json:",omitempty"`
	Reference string   `json:",omitempty"`
	Finish    *Finish  `json:",omitempty"`
	Payment   *Payment `json:",omitempty"`
}

// Store has all of it in memory, and each change in the journal first.
type Store struct {
	lock     sync.Mutex
	ttlMs    int64
	path     string
	journal  *os.File
	lines    int
	keys     map[Name]*Entry
	payments map[string][]*Payment // of each tenant, the oldest first
}

// OpenStore takes up what the journal says.
func OpenStore(folder string, ttl time.Duration) (*Store, error) {
	s := &Store{ttlMs: ttl.Milliseconds(), path: filepath.Join(folder, "journal"), keys: map[Name]*Entry{},
		payments: map[string][]*Payment{}}
	content, err := os.ReadFile(s.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	// A kill may have torn the last line: it was never answered for.
	whole := bytes.LastIndexByte(content, '\n') + 1
	for text := range bytes.Lines(content[:whole]) {
		var told line
		if err := json.Unmarshal(text, &told); err != nil {
			return nil, err
		}
		s.remember(told)
	}
	return s, s.rewrite()
}

// remember takes a line as true.
func (s *Store) remember(told line) {
	s.lines++
	switch {
	case told.Payment != nil && told.Finish == nil: // of a key that is no more
		s.payments[told.Tenant] = append(s.payments[told.Tenant], told.Payment)
	case told.Finish != nil:
		s.keys[told.Name].Finish = told.Finish
		if told.Payment != nil {
			payment := Payment{told.Payment.ID, told.Payment.Account, told.Finish.Body}
			s.payments[told.Tenant] = append(s.payments[told.Tenant], &payment)
		}
	case told.Payload != nil:
		s.keys[told.Name] = &Entry{Payload: *told.Payload, Reference: told.Reference}
	default:
		delete(s.keys, told.Name)
	}
}

// append writes a line down, then takes it as true. A disk that takes nothing any more is the end.
func (s *Store) append(told line) {
	s.lock.Lock()
	defer s.lock.Unlock()
	text, err := json.Marshal(told)
	if err == nil {
		_, err = s.journal.Write(append(text, '\n'))
	}
	if err != nil {
		log.Fatal(err)
	}
	s.remember(told)
}

// rewrite writes the journal anew, without what says nothing any more: whole or not at all.
func (s *Store) rewrite() error {
	file, err := os.Create(s.path + ".new")
	if err != nil {
		return err
	}
	writer := bufio.NewWriter(file)
	encoder := json.NewEncoder(writer)
	s.lines = 0
	for tenant, payments := range s.payments {
		for _, payment := range payments {
			s.lines++
			err = errors.Join(err, encoder.Encode(line{Name: Name{tenant, ""}, Payment: payment}))
		}
	}
	for name, entry := range s.keys {
		s.lines += 2
		err = errors.Join(err, encoder.Encode(line{Name: name, Payload: &entry.Payload, Reference: entry.Reference}))
		if entry.Finish != nil {
			err = errors.Join(err, encoder.Encode(line{Name: name, Finish: entry.Finish}))
		}
	}
	if err := errors.Join(err, writer.Flush()); err != nil {
		return err // on a full disk, say: the old journal stays
	}
	if err := os.Rename(s.path+".new", s.path); err != nil {
		return err
	}
	if s.journal != nil {
		s.journal.Close()
	}
	s.journal = file // it is at its end, and nobody else writes to it
	return nil
}

// Find is what is known of the key; nothing once it has expired.
func (s *Store) Find(name Name) *Entry {
	s.lock.Lock()
	defer s.lock.Unlock()
	entry := s.keys[name]
	if entry == nil || s.isOver(entry) {
		return nil
	}
	known := *entry
	return &known
}

// isOver says whether nobody can use the key any more. An unresolved one never is such a key.
func (s *Store) isOver(entry *Entry) bool {
	return entry.Finish != nil && entry.Finish.AtMs+s.ttlMs <= time.Now().UnixMilli()
}

// Begin notes that money will be asked for under reference, before it is.
func (s *Store) Begin(asked Asked, reference string) {
	s.append(line{Name: asked.Name, Payload: &asked.Payload, Reference: reference})
}

// Forget lets the key be as if it had never been used.
func (s *Store) Forget(name Name) {
	s.append(line{Name: name})
}

// Finish notes how the key ended, and the payment with it, in one line: both or neither.
func (s *Store) Finish(name Name, finish Finish, payment *Payment) {
	finish.AtMs = time.Now().UnixMilli()
	s.append(line{Name: name, Finish: &finish, Payment: payment})
}

// DropExpired drops the keys that nobody can use any more.
func (s *Store) DropExpired() {
	s.lock.Lock()
	defer s.lock.Unlock()
	needed := 0
	for name, entry := range s.keys {
		if s.isOver(entry) {
			delete(s.keys, name)
		} else {
			needed += 2
		}
	}
	for _, payments := range s.payments {
		needed += len(payments)
	}
	if s.lines > needed+worthIt {
		if err := s.rewrite(); err != nil {
			log.Fatal(err)
		}
	}
}

// CountKeys is how many keys are held.
func (s *Store) CountKeys() int {
	s.lock.Lock()
	defer s.lock.Unlock()
	return len(s.keys)
}

// Payment is a payment as JSON, or nil.
func (s *Store) Payment(tenant, id string) []byte {
	s.lock.Lock()
	defer s.lock.Unlock()
	for _, payment := range s.payments[tenant] {
		if payment.ID == id {
			return payment.Body
		}
	}
	return nil
}

// Page is up to limit payments, the newest first, of those before the number `before`; with each comes its number.
func (s *Store) Page(tenant, account string, anyAccount bool, before, limit int) (bodies []json.RawMessage, numbers []int) {
	s.lock.Lock()
	defer s.lock.Unlock()
	payments := s.payments[tenant]
	for number := min(before, len(payments)) - 1; number >= 0 && len(bodies) < limit; number-- {
		if anyAccount || payments[number].Account == account {
			bodies, numbers = append(bodies, payments[number].Body), append(numbers, number)
		}
	}
	return bodies, numbers
}
