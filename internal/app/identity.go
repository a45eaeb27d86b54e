package app

import (
	"context"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/jackc/pgx/v5"

	"coremachine/internal/config"
	"coremachine/internal/state"
)

// postgresScope is what an Entra token for Azure Database for PostgreSQL is
// asked for, in the public cloud.
const postgresScope = "https://ossrdbms-aad.database.windows.net/.default"

// NewCredential makes the one credential of a process, shared by Service Bus
// and Postgres: it caches tokens and refreshes them by itself. Where the
// platform offers a managed identity that is it, and nothing else is tried: the
// chain of defaults probes for it with a time limit that a slow start misses.
// Elsewhere it is the developer's sign-in, which AZURE_TOKEN_CREDENTIALS must
// name.
func NewCredential(cfg config.Config) (azcore.TokenCredential, error) {
	if os.Getenv("IDENTITY_ENDPOINT") != "" {
		o := &azidentity.ManagedIdentityCredentialOptions{}
		if cfg.AzureClientID != "" {
			o.ID = azidentity.ClientID(cfg.AzureClientID)
		}

		return azidentity.NewManagedIdentityCredential(o)
	}

	return azidentity.NewDefaultAzureCredential(
		&azidentity.DefaultAzureCredentialOptions{RequireAzureTokenCredentials: true},
	)
}

// EntraPassword gives a connection the token of the moment as its password. The
// server checks it at sign-in only, so an open connection outlives it. The
// token travels in clear inside TLS, so a connection that does not verify the
// server is refused.
func EntraPassword(cred azcore.TokenCredential) func(context.Context, *pgx.ConnConfig) error {
	return func(ctx context.Context, c *pgx.ConnConfig) error {
		if c.TLSConfig == nil || c.TLSConfig.InsecureSkipVerify {
			return state.Errorf(
				state.CodeInvalid,
				"app.EntraPassword",
				"DATABASE_URL must say sslmode=verify-full: a token is not sent to a server that is not verified",
			)
		}

		token, err := cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{postgresScope}})
		if err != nil {
			return state.Wrap(
				state.CodeUnavailable,
				"app.EntraPassword",
				"no token for Postgres: is the identity assigned, and AZURE_CLIENT_ID its client id?",
				err,
			)
		}

		c.Password = token.Token
		c.Fallbacks = nil // they may do without TLS

		return nil
	}
}

// beforeConnect is the hook of the process's database connections: nil where a
// password is in the URL.
func beforeConnect(cfg config.Config) (func(context.Context, *pgx.ConnConfig) error, error) {
	if !cfg.DatabaseEntra {
		return nil, nil
	}

	cred, err := NewCredential(cfg)
	if err != nil {
		return nil, err
	}

	return EntraPassword(cred), nil
}
