package main

import (
	"io"
	"net/http"
	"sync"
)

// Flow is a body on its way. It grows, and whoever has it reads it from its beginning.
type Flow struct {
	mutex    sync.Mutex
	grown    *sync.Cond
	body     []byte
	isOver   bool
	isBroken bool
}

func newFlow() *Flow {
	flow := &Flow{}
	flow.grown = sync.NewCond(&flow.mutex)
	return flow
}

// add lets it grow; one that is over grows no more.
func (f *Flow) add(piece []byte, isOver, isBroken bool) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.body = append(f.body, piece...)
	f.isOver, f.isBroken = isOver, isBroken
	f.grown.Broadcast()
}

// after is what there is after so many bytes, when there is something, or no more comes.
func (f *Flow) after(count int) (piece []byte, isOver, isBroken bool) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for len(f.body) == count && !f.isOver {
		f.grown.Wait()
	}
	return f.body[count:], f.isOver, f.isBroken
}

// copyTo sends it as it comes; it says whether it was whole. A client that went away is no error of ours.
func (f *Flow) copyTo(w http.ResponseWriter) bool {
	for count := 0; ; {
		piece, isOver, isBroken := f.after(count)
		if _, err := w.Write(piece); err != nil {
			return true
		}
		if isOver {
			return !isBroken
		}
		count += len(piece)
		http.NewResponseController(w).Flush()
	}
}

// fill reads a body into the flow. Its last piece is held back until keep was called with the whole of it: who has it all
// may ask again at once, and is to find it stored.
func (f *Flow) fill(body *steady, held []byte, keep func(whole []byte), end func()) {
	defer body.Close()
	whole := held
	for {
		next, err := body.next()
		if err != nil {
			isBroken := err != io.EOF
			if !isBroken {
				keep(whole)
			}
			end()
			f.add(held, true, isBroken)
			return
		}
		f.add(held, false, false)
		held = next
		whole = append(whole, next...)
	}
}
