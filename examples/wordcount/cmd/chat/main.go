// Command chat forwards the ends of jobs to a chat.
package main

import (
	"log"
	"net/http"
	"os"
	"time"

	"example.com/wordcount/internal/chat"
)

func main() {
	forward, err := chat.Forward(os.Getenv("CALLBACK_SECRET"), os.Getenv("CHAT_URL"))
	if err != nil {
		log.Fatal(err)
	}

	server := &http.Server{Addr: os.Getenv("LISTEN"), Handler: forward, ReadTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}
