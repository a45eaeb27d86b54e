package repo

import (
	"github.com/jackc/pgx/v5/pgxpool"
)

// largeBatch is how many rows a statement writes at least that takes much
// memory.
const largeBatch = 100

// memoryKept is a key of the data of a connection.
const memoryKept = "coremachine.memory_kept"

// keepMemory makes the server process of the connection keep the memory that
// its statements free, once for each connection. Otherwise each statement over
// a large batch takes some hundred pages from the kernel again. Where page
// faults are expensive, as in some virtual machines, that is a third of its
// time. It has no effect if the server does not use glibc.
func (t tx) keepMemory() error {
	conn, ok := t.conn.(*pgxpool.Conn)
	if !ok || t.repo.pool.Pooled() { // the next session is another process
		return nil
	}

	data := conn.Conn().PgConn().CustomData()
	if data[memoryKept] != nil {
		return nil
	}

	data[memoryKept] = true

	return t.later("keep_memory", nil, nil)
}
