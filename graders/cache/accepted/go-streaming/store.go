package main

import (
	"container/list"
	"slices"
)

// Store has entries by target, bounded, in the order of their use. It is not for several goroutines at once.
type Store struct {
	capacity  int
	evictions int
	byTarget  map[string][]*Entry
	order     *list.List // of *Entry, the last used first
	places    map[*Entry]*list.Element
}

// newStore is an empty one.
func newStore(capacity int) *Store {
	return &Store{
		capacity: capacity,
		byTarget: map[string][]*Entry{},
		order:    list.New(),
		places:   map[*Entry]*list.Element{},
	}
}

// holds says whether an entry is stored still.
func (s *Store) holds(entry *Entry) bool {
	return s.places[entry] != nil
}

// find is the newest that matches; nil when none does.
func (s *Store) find(request Request) *Entry {
	var found *Entry
	for _, entry := range s.byTarget[request.Target] {
		if entry.matches(request) && (found == nil || entry.date.After(found.date)) {
			found = entry
		}
	}
	return found
}

// use notes that it was served.
func (s *Store) use(entry *Entry) {
	if place := s.places[entry]; place != nil {
		s.order.MoveToFront(place)
	}
}

// put stores an entry instead of an old one, which may be nil, and makes room.
func (s *Store) put(entry, old *Entry) {
	if old != nil {
		s.drop(old)
	}
	s.byTarget[entry.target] = append(s.byTarget[entry.target], entry)
	s.places[entry] = s.order.PushFront(entry)
	for s.order.Len() > s.capacity {
		s.drop(s.order.Back().Value.(*Entry))
		s.evictions++
	}
}

// drop forgets an entry.
func (s *Store) drop(entry *Entry) {
	place := s.places[entry]
	if place == nil {
		return
	}
	s.order.Remove(place)
	delete(s.places, entry)
	others := slices.DeleteFunc(s.byTarget[entry.target], func(each *Entry) bool { return each == entry })
	s.byTarget[entry.target] = others
	if len(others) == 0 {
		delete(s.byTarget, entry.target)
	}
}

// dropAll forgets all variants; it says whether there were any.
func (s *Store) dropAll(target string) bool {
	mine := slices.Clone(s.byTarget[target])
	for _, entry := range mine {
		s.drop(entry)
	}
	return len(mine) > 0
}
