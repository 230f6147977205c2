package main

import (
	"hash/maphash"
	"time"
)

// A shard is the mailbox of the one goroutine that owns the windows of some of the clients. Nobody else can reach them, so
// there is no lock: a pair's decisions have the order in which its shard takes them out of the mailbox.
type shard chan question

type pair struct{ policy, client string }

type question struct {
	pair
	limit, cost int
	length      time.Duration
	answer      chan<- verdict
}

type verdict struct {
	admitted  bool
	remaining int
	wait      time.Duration
}

type window struct {
	end  time.Time
	used int
}

type shards struct {
	seed      maphash.Seed
	mailboxes []shard
}

func newShards(count int) shards {
	all := shards{maphash.MakeSeed(), make([]shard, count)}
	for i := range all.mailboxes {
		all.mailboxes[i] = make(shard)
		go all.mailboxes[i].run()
	}
	return all
}

// ask waits for the verdict of the shard that owns the pair.
func (all shards) ask(asked question) verdict {
	answer := make(chan verdict, 1)
	asked.answer = answer
	all.mailboxes[maphash.Comparable(all.seed, asked.pair)%uint64(len(all.mailboxes))] <- asked
	return <-answer
}

func (mailbox shard) run() {
	windows := map[pair]*window{}
	for asked := range mailbox {
		asked.answer <- decide(windows, asked, time.Now())
	}
}

func decide(windows map[pair]*window, asked question, now time.Time) verdict {
	open := windows[asked.pair]
	if open == nil || !now.Before(open.end) {
		open = &window{end: now.Add(asked.length)}
	}
	admitted := open.used+asked.cost <= asked.limit
	if admitted {
		open.used += asked.cost
		windows[asked.pair] = open
	}
	return verdict{admitted, asked.limit - open.used, open.end.Sub(now)}
}
