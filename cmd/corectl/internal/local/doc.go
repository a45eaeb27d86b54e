// Package local runs the whole system on one machine: a Postgres, the stand-in
// of the Functions host, and the real handler binary, built from the source
// tree.
//
// It owns a work folder below .local/ (the binary, the function folders, the
// logs) and the order in which the parts start and stop. What it started it
// stops, the handler first; what was there already, a Postgres named by
// DATABASE_URL, it leaves. When its process is killed, the host's child goes
// with it and pglocal's guard stops the server; nothing that the database holds
// is lost, and the next start finds it. Two of them share one Postgres and one
// set of queues, on different ports.
//
// It may import config, devhost, funchost, pglocal, queue and its transports,
// repo and state.
package local
