package app_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"coremachine/internal/app"
	"coremachine/internal/config"
	"coremachine/internal/test/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// TestTheManagedIdentitysTokenIsThePassword runs the real
// ManagedIdentityCredential against a loopback identity endpoint and the real
// pgx against a server that speaks Postgres's start of a connection, over TLS.
func TestTheManagedIdentitysTokenIsThePassword(t *testing.T) {
	var asked atomic.Int64

	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)

		if r.Header.Get("X-IDENTITY-HEADER") != "h" || r.URL.Query().Get("client_id") != "my-client" ||
			r.URL.Query().Get("resource") != "https://ossrdbms-aad.database.windows.net" {
			t.Errorf("the endpoint was asked %s", r.URL)
		}

		_ = json.NewEncoder(w).Encode(map[string]string{
			"access_token": "the-token",
			"expires_on":   strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10),
			"resource":     r.URL.Query().Get("resource"),
			"token_type":   "Bearer",
		})
	}))
	defer endpoint.Close()

	t.Setenv("IDENTITY_ENDPOINT", endpoint.URL)
	t.Setenv("IDENTITY_HEADER", "h")

	cred, err := app.NewCredential(config.Config{AzureClientID: "my-client"})
	if err != nil {
		t.Fatal(err)
	}

	server := newPostgres(t)

	cfg, err := pgx.ParseConfig(
		fmt.Sprintf(
			"host=127.0.0.1 port=%d user=my-identity dbname=core sslmode=verify-full sslrootcert=%s",
			server.port,
			server.root,
		),
	)
	if err != nil {
		t.Fatal(err)
	}

	for range 3 {
		c := cfg.Copy()
		if err := app.EntraPassword(cred)(t.Context(), c); err != nil {
			t.Fatal(err)
		}

		conn, err := pgx.ConnectConfig(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}

		_ = conn.Close(t.Context())
		if got := <-server.passwords; got != "my-identity/the-token" {
			t.Errorf("signed in as %s", got)
		}
	}

	if asked.Load() != 1 {
		t.Errorf("the endpoint was asked %d times for one token", asked.Load())
	}

	http.DefaultClient.CloseIdleConnections()
}

func TestATokenIsNotSentToAServerThatIsNotVerified(t *testing.T) {
	t.Parallel()

	for _, mode := range []string{"disable", "prefer", "require"} {
		cfg, err := pgx.ParseConfig("host=db.example user=u sslmode=" + mode)
		if err != nil {
			t.Fatal(err)
		}

		if err := app.EntraPassword(nil)(t.Context(), cfg); err == nil {
			t.Errorf("sslmode=%s was given a token", mode)
		}
	}
}

type postgres struct {
	port      int
	root      string
	passwords chan string
}

// newPostgres answers the start of a connection: TLS, a clear-text password,
// ready.
func newPostgres(t *testing.T) *postgres {
	t.Helper()
	cert, pemBytes := selfSigned(t)

	p := &postgres{root: filepath.Join(t.TempDir(), "root.pem"), passwords: make(chan string, 10)}
	if err := os.WriteFile(p.root, pemBytes, 0o600); err != nil {
		t.Fatal(err)
	}

	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	p.port = l.Addr().(*net.TCPAddr).Port

	done := make(chan struct{})
	go func() {
		defer close(done)

		for {
			c, err := l.Accept()
			if err != nil {
				return
			}

			if err := p.serve(c, cert); err != nil && !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		}
	}()

	t.Cleanup(func() {
		_ = l.Close()

		<-done
	})

	return p
}

func (p *postgres) serve(c net.Conn, cert tls.Certificate) error {
	defer func() { _ = c.Close() }()

	if _, err := pgproto3.NewBackend(c, c).ReceiveStartupMessage(); err != nil { // SSLRequest
		return err
	}

	if _, err := c.Write([]byte{'S'}); err != nil {
		return err
	}

	secure := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
	b := pgproto3.NewBackend(secure, secure)

	first, err := b.ReceiveStartupMessage()
	if err != nil {
		return err
	}

	b.Send(&pgproto3.AuthenticationCleartextPassword{})

	if err := b.Flush(); err != nil {
		return err
	}

	if err := b.SetAuthType(pgproto3.AuthTypeCleartextPassword); err != nil {
		return err
	}

	answer, err := b.Receive()
	if err != nil {
		return err
	}

	p.passwords <- first.(*pgproto3.StartupMessage).Parameters["user"] + "/" +
		answer.(*pgproto3.PasswordMessage).Password

	b.Send(&pgproto3.AuthenticationOk{})
	b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})

	if err := b.Flush(); err != nil {
		return err
	}

	_, err = b.Receive() // Terminate

	return err
}

func selfSigned(t *testing.T) (tls.Certificate, []byte) {
	t.Helper()

	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}

	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "postgres"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().
			Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
	}

	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}

	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
