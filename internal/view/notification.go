package view

import "time"

// States of a notification.
const (
	NotificationWaiting   = "waiting"   // the job has not ended
	NotificationPending   = "pending"   // it is being sent, or will be tried again
	NotificationDelivered = "delivered" // the receiver accepted it
	NotificationFailed    = "failed"    // it is not tried again
)

// NotificationView is what became of the notification of a job's current attempt.
type NotificationView struct {
	State string     `json:"state"`
	Host  string     `json:"host"`   // of the callback URL, whose path can hold a secret
	Tries int        `json:"tries"`  // how often it was sent
	DueAt *time.Time `json:"due_at"` // the next try of a pending one
	At    *time.Time `json:"at"`     // when it was delivered, or failed
	Error string     `json:"error"`  // why the last try failed; empty: it did not
}
