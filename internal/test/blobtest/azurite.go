package blobtest

import (
	"context"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"

	"coremachine/internal/dev/azurite"
	"coremachine/internal/dev/npm"
	"coremachine/internal/test/needs"
	"coremachine/internal/test/repotest"
)

// Azurite starts a server that stops with the test. This takes about a second.
// Without an install of Azurite, the test is skipped.
func Azurite(t testing.TB) *azurite.Server {
	t.Helper()

	root, err := repotest.Root()
	if err != nil {
		t.Fatal(err)
	}

	limit, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	s, err := azurite.Start(limit, azurite.Options{
		Dir: filepath.Join(root, ".local", "azurite"), InstalledOnly: true,
	})
	needs.Installed(t, "Azurite", err, npm.ErrNotInstalled)

	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})

	return s
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
