// State in this process: of the pairs that are not idle, and hardly any other.

package main

import (
	"container/heap"
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"time"
)

const (
	rounds     = 12000
	sweepEvery = 500 * time.Millisecond
	batch      = 1000 // so many pairs are looked at before other requests have their turn
)

// Pair is whose state it is.
type Pair struct {
	Policy string
	Client string
}

// Memory decides one request at a time.
//
// Each pair stands once in the queue, at a moment before which it is not idle. When that moment has come it is dropped, or
// stands in line again if it has been busy since.
type Memory struct {
	mutex  sync.Mutex
	states map[Pair]State
	queue  queue
	start  time.Time
}

// NewMemory returns a limiter that has decided nothing yet.
func NewMemory() *Memory {
	m := &Memory{states: map[Pair]State{}, start: time.Now()}
	go m.sweep()
	return m
}

// Decide admits cost units now, or not at all. Memory never fails.
func (m *Memory) Decide(policy Policy, client string, cost int) (Decision, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	secret := sha256.Sum256([]byte(client))
	for range rounds {
		secret = sha256.Sum256(secret[:])
	}
	pair := Pair{policy.Name, hex.EncodeToString(secret[:])}
	now := m.now()
	state, found := m.states[pair]
	if found {
		return state.Decide(cost, now), nil
	}
	state = newState(policy, now)
	m.states[pair] = state
	decision := state.Decide(cost, now) // always admitted: what is more than the capacity was refused before
	heap.Push(&m.queue, place{state.IdleAt(), pair})
	return decision, nil
}

// Tracked is how many pairs there is state for.
func (m *Memory) Tracked() int {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return len(m.states)
}

// now is microseconds since the start. Unlike the time of day, they never jump.
func (m *Memory) now() int64 {
	return time.Since(m.start).Microseconds()
}

// sweep drops idle pairs, for ever.
func (m *Memory) sweep() {
	for range time.Tick(sweepEvery) {
		for m.dropIdle() {
		}
	}
}

// dropIdle drops some of the pairs that are idle, and says whether there may be more.
func (m *Memory) dropIdle() bool {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	now := m.now()
	for range batch {
		if len(m.queue) == 0 || now < m.queue[0].idleAt {
			return false
		}
		first := &m.queue[0]
		first.idleAt = m.states[first.pair].IdleAt()
		if now < first.idleAt {
			heap.Fix(&m.queue, 0)
		} else {
			delete(m.states, first.pair)
			heap.Pop(&m.queue)
		}
	}
	return true
}

// place is where a pair stands in the queue.
type place struct {
	idleAt int64
	pair   Pair
}

// queue is what container/heap asks for.
type queue []place

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].idleAt < q[j].idleAt }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)        { *q = append(*q, x.(place)) }
func (q *queue) Pop() any {
	last := len(*q) - 1
	popped := (*q)[last]
	(*q)[last] = place{} // or its client id would stay in memory
	*q = (*q)[:last]
	return popped
}
