// Package pgqueue reads the message table as a queue: the transport of a
// laptop, and of containers without Azure.
//
// A row that is due is delivered under a peek-lock: receiving sets due_at and
// locked_until to the lock's end, so that a locked row is simply due later. The
// delivery's token is the row's send and delivery count. Once the engine has
// claimed the row its lock no longer matters: the process lease covers it, and
// completing the delivery of a row that is gone is no error.
//
// Crash: a lock that nobody renews ends and the row is due again. Duplicate: a
// row whose lock ended in a slow process is delivered to another; the engine's
// claim lets one of them have it. Reorder: rows come by due time, and no order
// is promised. An idle receiver sleeps: it is woken by NOTIFY, by a commit of
// its own process, by the next due time, and once a second. Of many that are
// told, those that found nothing of late wait up to 64 ms before they look.
//
// It may import internal/queue and internal/state.
package pgqueue
