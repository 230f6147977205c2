// What must outlive the process: a file for each key and one for each payment, written aside and then renamed.
//
// A payment's file comes before its key's. Who is killed in between finds the payment again under the reference by which
// it was charged, since that is its id, and writes the same once more.

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Finish is the answer that a key ended with.
type Finish struct {
	Status      int
	ContentType string
	Location    string
	Body        []byte
	AtMs        int64 // by the time of day: a key's age outlives the process
}

// Entry is what is known of a key. Without a finish its charge request may have been sent: it is unresolved.
type Entry struct {
	Name      Name
	Payload   Payload
	Reference string
	Finish    *Finish
}

// Payment is what lists show.
type Payment struct {
	Number              int
	Tenant, ID, Account string
	Body                []byte
}

// Store reads its files once, and then knows what is in them.
type Store struct {
	lock     sync.Mutex
	ttlMs    int64
	keysIn   string
	paidIn   string
	keys     map[Name]*Entry
	payments []*Payment // the oldest first
}

// OpenStore takes up what the files say.
func OpenStore(folder string, ttl time.Duration) (*Store, error) {
	s := &Store{ttlMs: ttl.Milliseconds(), keysIn: filepath.Join(folder, "keys"),
		paidIn: filepath.Join(folder, "payments"), keys: map[Name]*Entry{}}
	err := errors.Join(
		each(s.keysIn, func(entry *Entry) { s.keys[entry.Name] = entry }),
		each(s.paidIn, func(payment *Payment) { s.payments = append(s.payments, payment) }),
	)
	slices.SortFunc(s.payments, func(one, other *Payment) int { return one.Number - other.Number })
	return s, err
}

// each reads the files of a folder; one that a kill kept from being renamed was never answered for.
func each[T any](folder string, take func(*T)) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	found, err := os.ReadDir(folder)
	for _, file := range found {
		path := filepath.Join(folder, file.Name())
		if !strings.HasSuffix(path, ".json") {
			os.Remove(path)
			continue
		}
		told := new(T)
		text, fault := os.ReadFile(path)
		if fault = errors.Join(fault, json.Unmarshal(text, told)); fault != nil {
			return fault
		}
		take(told)
	}
	return err
}

// write writes a file whole or not at all. A disk that takes nothing any more is the end.
func write(path string, content any) {
	text, err := json.Marshal(content)
	if err == nil {
		err = os.WriteFile(path+".new", text, 0o644)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func (s *Store) keyFile(name Name) string {
	sum := sha256.Sum256([]byte(name.Tenant + " " + name.Key))
	return filepath.Join(s.keysIn, hex.EncodeToString(sum[:])+".json")
}

// Find is what is known of the key; nothing once it has expired.
func (s *Store) Find(name Name) *Entry {
	s.lock.Lock()
	defer s.lock.Unlock()
	entry := s.keys[name]
	if entry == nil || s.isOver(entry) {
		return nil
	}
	return entry
}

// isOver says whether nobody can use the key any more. An unresolved one never is such a key.
func (s *Store) isOver(entry *Entry) bool {
	return entry.Finish != nil && entry.Finish.AtMs+s.ttlMs <= time.Now().UnixMilli()
}

// put notes what a key stands for now; entries are never changed, but replaced.
func (s *Store) put(entry *Entry) {
	s.lock.Lock()
	defer s.lock.Unlock()
	write(s.keyFile(entry.Name), entry)
	s.keys[entry.Name] = entry
}

// Begin notes that money will be asked for under reference, before it is.
func (s *Store) Begin(asked Asked, reference string) {
	s.put(&Entry{Name: asked.Name, Payload: asked.Payload, Reference: reference})
}

// Finish notes how the key ended.
func (s *Store) Finish(asked Asked, reference string, finish Finish) {
	finish.AtMs = time.Now().UnixMilli()
	s.put(&Entry{asked.Name, asked.Payload, reference, &finish})
}

// Pay notes a payment, unless it was noted before.
func (s *Store) Pay(payment Payment) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.find(payment.Tenant, payment.ID) != nil {
		return
	}
	payment.Number = 1
	if count := len(s.payments); count > 0 {
		payment.Number = s.payments[count-1].Number + 1
	}
	write(filepath.Join(s.paidIn, payment.ID+".json"), payment)
	s.payments = append(s.payments, &payment)
}

// Forget lets the key be as if it had never been used.
func (s *Store) Forget(name Name) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.drop(name)
}

func (s *Store) drop(name Name) {
	if err := os.Remove(s.keyFile(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Fatal(err)
	}
	delete(s.keys, name)
}

// DropExpired drops the keys that nobody can use any more.
func (s *Store) DropExpired() {
	s.lock.Lock()
	defer s.lock.Unlock()
	for name, entry := range s.keys {
		if s.isOver(entry) {
			s.drop(name)
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
	if found := s.find(tenant, id); found != nil {
		return found.Body
	}
	return nil
}

func (s *Store) find(tenant, id string) *Payment {
	for _, payment := range slices.Backward(s.payments) {
		if payment.Tenant == tenant && payment.ID == id {
			return payment
		}
	}
	return nil
}

// Page is up to limit payments, the newest first, of those before the number `before`; with each comes its number.
func (s *Store) Page(tenant, account string, anyAccount bool, before, limit int) (bodies []json.RawMessage, numbers []int) {
	s.lock.Lock()
	defer s.lock.Unlock()
	for _, payment := range slices.Backward(s.payments) {
		isOne := payment.Tenant == tenant && payment.Number < before && (anyAccount || payment.Account == account)
		if isOne && len(bodies) < limit {
			bodies, numbers = append(bodies, payment.Body), append(numbers, payment.Number)
		}
	}
	return bodies, numbers
}
