package webhook

import (
	"encoding/json"
	"time"
)

// Types of events.
const (
	TypeJobEnded = "coremachine.job.ended"
	TypeSample   = "coremachine.sample"
)

// Event is a CloudEvents 1.0 event in structured JSON. Receivers that get an ID
// twice have got the same event twice.
type Event struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Subject         string          `json:"subject,omitempty"`
	Time            time.Time       `json:"time"`
	DataContentType string          `json:"datacontenttype"`
	Data            json.RawMessage `json:"data"`
}

// NewEvent returns an event with the fields that all events share.
func NewEvent(id, kind, subject string, at time.Time, data json.RawMessage) Event {
	return Event{
		SpecVersion:     "1.0",
		ID:              id,
		Source:          "coremachine",
		Type:            kind,
		Subject:         subject,
		Time:            at.UTC(),
		DataContentType: "application/json",
		Data:            data,
	}
}
