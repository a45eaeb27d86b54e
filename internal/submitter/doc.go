// Package submitter submits jobs in a transaction of a program that shares the
// database. The job and its messages commit or vanish with that transaction.
//
// It owns no state but the result of the schema check. The transports of the
// engine find the rows after the commit without any further call: receivers and
// the relay look for due messages. The program needs no engine, lease or queue.
//
// Crash: a transaction that was not committed leaves nothing. Duplicate: the same
// job is the same row, so a repeat finds it. Reorder: the row of a message is the
// fence, as for any job.
//
// It may import internal/client, internal/coremachine, internal/handlers,
// internal/jobs/define, internal/repo, internal/state and internal/view.
package submitter
