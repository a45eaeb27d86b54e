package engine

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// times is what the kernel reports about a process.
type times struct {
	name     string
	parent   int
	self     time.Duration // CPU time
	children time.Duration // CPU time of the children that have ended
}

// tick is the unit of /proc/PID/stat, which is the same on every Linux.
const tick = time.Second / 100

// readTimes reads /proc/PID/stat. If there is none, ok is false.
func readTimes(pid int) (t times, ok bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return t, false
	}

	// A name can contain spaces and brackets.
	start, end := strings.IndexByte(string(text), '('), strings.LastIndexByte(string(text), ')')
	if start < 0 || end < start {
		return t, false
	}

	fields := strings.Fields(string(text[end+1:]))
	if len(fields) < 15 {
		return t, false
	}

	number := func(i int) int {
		n, err := strconv.Atoi(fields[i])
		ok = ok && err == nil

		return n
	}
	ok = true
	t = times{
		name:     string(text[start+1 : end]),
		parent:   number(1),
		self:     time.Duration(number(11)+number(12)) * tick,
		children: time.Duration(number(13)+number(14)) * tick,
	}

	return t, ok
}

// serverCPU returns the CPU time of all processes of the Postgres of a backend.
// It is 0 if the server runs on another machine.
func serverCPU(backend int) time.Duration {
	b, ok := readTimes(backend)
	if !ok || b.name != "postgres" {
		return 0
	}

	parent, ok := readTimes(b.parent)
	if !ok || parent.name != "postgres" {
		return 0
	}

	total := parent.self + parent.children

	all, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}

	for _, entry := range all {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue // not a process
		}

		if t, ok := readTimes(pid); ok && t.parent == b.parent {
			total += t.self
		}
	}

	return total
}
