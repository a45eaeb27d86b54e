package state

import (
	"encoding/json"
	"fmt"
	"net/url"
	"time"
)

// Notification is the end of a job that its callback URL is notified of.
type Notification struct {
	JobID       JobID
	Attempt     int // of the job
	Incarnation int64
	CallbackURL string
	Data        json.RawMessage // what the event says of the job
	EndedAt     time.Time
	Tries       int           // this one included: the fence
	Age         time.Duration // since EndedAt, by the clock of the database
}

// EventID is the same for each try, so that a receiver recognises a repeat.
func (n Notification) EventID() string {
	return fmt.Sprintf("%s/%d/%d", n.JobID, n.Incarnation, n.Attempt)
}

// HostOf returns the host of a callback URL, the part that is not a secret.
func HostOf(callback string) string {
	u, err := url.Parse(callback)
	if err != nil {
		return ""
	}

	return u.Host
}
