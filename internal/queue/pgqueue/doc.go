// Package pgqueue is a transport over the message table in Postgres, for
// laptops and for containers without Azure.
//
// A due row is delivered under a lock: receiving sets due_at and locked_until
// to the end of the lock, so a locked row is a row that is due later. The
// delivery's token is the row's send and delivery count. When the engine has
// claimed the row, its lock does not matter any more, because the process lease
// covers it. Completing the delivery of a row that was deleted is not an error.
//
// Crash: a lock that is not renewed expires and the row is due again.
// Duplicate: a row whose lock expired in a slow process is delivered to another
// process; the engine's claim allows only one of them to have it. Reorder: rows
// are delivered by due time, and the order is not guaranteed. An idle receiver
// sleeps until a NOTIFY, a commit of its own process or the next due time, and
// at most for one second. If many processes are notified, those that recently
// found nothing wait up to 64 ms before they query again.
//
// It may import internal/database, internal/queue and internal/state.
package pgqueue
