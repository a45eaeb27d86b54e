package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
)

// JobID identifies a job by what it is: SHA-256 of `type || 0x00 || canonical
// JSON` of its validated parameters with defaults applied, and, if it has a run
// key, of `0x00 || key`. The same job submitted twice is the same id.
type JobID [sha256.Size]byte

// NewJobID hashes a job type and its parameters, which must be canonical JSON
// (RFC 8785).
func NewJobID(jobType string, canonicalParams []byte) JobID {
	return KeyedJobID(jobType, canonicalParams, "")
}

// KeyedJobID is NewJobID for a job with a run key: a different key is a
// different job. The empty key is none. Canonical JSON contains no zero byte, so
// that the parts cannot be confused.
func KeyedJobID(jobType string, canonicalParams []byte, runKey string) JobID {
	h := sha256.New()
	h.Write([]byte(jobType))
	h.Write([]byte{0})
	h.Write(canonicalParams)

	if runKey != "" {
		h.Write([]byte{0})
		h.Write([]byte(runKey))
	}

	var id JobID
	h.Sum(id[:0])

	return id
}

// ParseJobID accepts exactly 64 lower-case hex digits. Anything else is an
// Error with CodeInvalid that names the field job_id.
func ParseJobID(s string) (JobID, error) {
	var id JobID
	if len(s) != 2*len(id) {
		return id, badJobID(s)
	}

	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return id, badJobID(s)
		}
	}

	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return id, badJobID(s)
	}

	return id, nil
}

func badJobID(s string) error {
	return Invalid("state.ParseJobID", "the job id is malformed",
		FieldError{Field: "job_id", Message: fmt.Sprintf("%q is not 64 lower-case hex digits", Excerpt(s))})
}

// String is the id as users see it: 64 lower-case hex digits.
func (id JobID) String() string { return hex.EncodeToString(id[:]) }

// Short is the first 8 digits, for people; it is never a key.
func (id JobID) Short() string { return hex.EncodeToString(id[:4]) }

// Compare orders ids as the database orders keys.
func (id JobID) Compare(other JobID) int { return bytes.Compare(id[:], other[:]) }

// MarshalText makes the id a JSON string.
func (id JobID) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, id[:]), nil }

// UnmarshalText is the inverse of MarshalText, as strict as ParseJobID.
func (id *JobID) UnmarshalText(b []byte) error {
	parsed, err := ParseJobID(string(b))
	*id = parsed

	return err
}

// TaskName is the readable name of a task, `{job_id[:8]}-s{stage}-{index}`. It
// is for people and is never a key.
func TaskName(id JobID, stage, index int) string {
	return fmt.Sprintf("%s-s%d-%d", id.Short(), stage, index)
}

// IdempotencyKey is what a handler passes to external systems so that a
// repeated attempt has its effect once. It never repeats for different work:
// incarnation identifies the job row, which a job that was deleted and
// submitted again does not share with its predecessor.
func IdempotencyKey(id JobID, incarnation int64, stage, gen, index int) string {
	key := make([]byte, 0, 2*len(id)+4*len("/123456789"))
	key = hex.AppendEncode(key, id[:])
	key = strconv.AppendInt(append(key, '/'), incarnation, 10)

	for _, n := range [...]int{stage, gen, index} {
		key = strconv.AppendInt(append(key, '/'), int64(n), 10)
	}

	return string(key)
}
