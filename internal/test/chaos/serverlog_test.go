package chaos

import (
	"os"
	"strings"
)

// readServerLog counts the errors in the server's log, by text. A restart
// begins the log anew, so it is read before each.
func (c *cluster) readServerLog() {
	text, err := os.ReadFile(c.server.LogFile())
	if err != nil {
		c.t.Error(err)
		return
	}

	for line := range strings.Lines(string(text)) {
		if _, said, found := strings.Cut(line, " ERROR:  "); found {
			c.complaints[strings.TrimSpace(said)]++
		}
	}
}

// deadlocks is how many the server broke; each is retried, and costs its
// victims a second.
func (c *cluster) deadlocks() int { return c.complaints["deadlock detected"] }

// refused lists what the database's constraints kept out: nothing, while the
// engine is right.
func (c *cluster) refused() (all []string) {
	for said := range c.complaints {
		if strings.Contains(said, "violates") {
			all = append(all, "the database had to refuse a row: "+said)
		}
	}

	return all
}
