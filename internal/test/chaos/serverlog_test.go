package chaos

import (
	"os"
	"strings"
)

// readServerLog counts the errors in the server's log by their text. It runs
// before each restart, because a restart truncates the log.
func (c *cluster) readServerLog() {
	text, err := os.ReadFile(c.server.LogFile())
	if err != nil {
		c.t.Error(err)
		return
	}

	for line := range strings.Lines(string(text)) {
		if _, message, found := strings.Cut(line, " ERROR:  "); found {
			c.serverErrors[strings.TrimSpace(message)]++
		}
	}
}

// deadlocks returns the number of deadlocks that the server resolved. Each
// transaction that was cancelled lost a second and was retried.
func (c *cluster) deadlocks() int { return c.serverErrors["deadlock detected"] }

// rejected lists the rows that the constraints of the database rejected. A
// correct engine causes none.
func (c *cluster) rejected() (all []string) {
	for message := range c.serverErrors {
		if strings.Contains(message, "violates") {
			all = append(all, "the database rejected a row: "+message)
		}
	}

	return all
}
