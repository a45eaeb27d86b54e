# The engine as a plain process: handler worker. Build with: docker build -t coremachine .
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o /handler ./cmd/handler

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /handler /handler
USER 65532:65532
ENTRYPOINT ["/handler", "worker"]
