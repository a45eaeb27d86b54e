// Package local runs the whole system on one machine: a Postgres, a replacement
// for the Functions host, and the real handler binary, built from the source
// tree.
//
// It owns a work folder below .local/ (the binary, the function folders, the
// logs) and the order in which the parts start and stop. It stops what it
// started, the handler first. It leaves a Postgres named by DATABASE_URL
// running. If its process is killed, the host's child process ends as well, and
// pglocal's guard stops the server. The database loses no data, and the next
// start finds it. Two systems share one Postgres and one set of queues, on
// different ports.
//
// It may import config, devhost, funchost, pglocal, queue and its transports,
// repo and state.
package local
