package blobtest

import (
	"context"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"

	"coremachine/internal/dev/azurite"
	"coremachine/internal/dev/npm"
	"coremachine/internal/test/needs"
	"coremachine/internal/test/repotest"
)

// accounts is the number of tests that can use one server, one after the other.
const accounts = 100

// shared is the server of the tests that run. The last of them stops it.
var shared struct {
	mu     sync.Mutex
	server *azurite.Server
	users  int
	next   int // the number of the next account
}

// Azurite returns a server with an empty account for the test. Tests that run at
// the same time share the server. Without an install of Azurite, the test is
// skipped.
func Azurite(t testing.TB) *azurite.Server {
	t.Helper()

	shared.mu.Lock()
	defer shared.mu.Unlock()

	if shared.users > 0 && shared.next == accounts {
		return OwnAzurite(t)
	}

	if shared.users == 0 {
		shared.server, shared.next = startAzurite(t, accounts), 0
	}

	shared.users++

	t.Cleanup(func() {
		shared.mu.Lock()
		defer shared.mu.Unlock()

		if shared.users--; shared.users == 0 {
			stopAzurite(t, shared.server)
		}
	})

	shared.next++

	return shared.server.As(shared.next - 1)
}

// OwnAzurite starts a server for a test that stops it. It takes about a second,
// and the server stops with the test at the latest.
func OwnAzurite(t testing.TB) *azurite.Server {
	t.Helper()

	s := startAzurite(t, 1)

	t.Cleanup(func() { stopAzurite(t, s) })

	return s
}

func startAzurite(t testing.TB, accounts int) *azurite.Server {
	t.Helper()

	root, err := repotest.Root()
	if err != nil {
		t.Fatal(err)
	}

	limit, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	s, err := azurite.Start(limit, azurite.Options{
		Dir: filepath.Join(root, ".local", "azurite"), InstalledOnly: true, Accounts: accounts,
	})
	needs.Installed(t, "Azurite", err, npm.ErrNotInstalled)

	return s
}

func stopAzurite(t testing.TB, s *azurite.Server) {
	t.Helper()

	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

// Client returns a client with full access to an account.
func Client(t testing.TB, connection string) *azblob.Client {
	t.Helper()

	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)

	client, err := azblob.NewClientFromConnectionString(connection, &azblob.ClientOptions{
		ClientOptions: policy.ClientOptions{Transport: &http.Client{Transport: transport}},
	})
	if err != nil {
		t.Fatal(err)
	}

	return client
}
