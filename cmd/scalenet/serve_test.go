package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"scalenet/detector"
)

func TestServeErrors(t *testing.T) {
	model := tinyModel(t, t.TempDir())
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	empty := filepath.Join(t.TempDir(), "keys")
	require.NoError(t, os.WriteFile(empty, []byte("\n"), 0o600))
	unsound := filepath.Join(t.TempDir(), "unsound")
	require.NoError(t, os.WriteFile(unsound, []byte("# ours\nfirst\nsecond key\n"), 0o600))
	for args, want := range map[string]string{
		"": "model",
		"--model " + model + " --api-keys " + unsound:                      unsound + ": line 3: an API key has a blank in it",
		"--model " + model + " --api-keys nowhere":                         "--api-keys: open nowhere: no such file",
		"--model nothing.safetensors":                                      "nothing.safetensors",
		"--model " + model + " --listen " + taken.Addr().String():          "--listen " + taken.Addr().String(),
		"--model " + model + " --log-level loud":                           `--log-level "loud"`,
		"--model " + model + " --log-format xml":                           `--log-format "xml"`,
		"--model " + model + " --tls-cert x":                               "--tls-cert and --tls-key go together",
		"--model " + model + " --tls-cert x --tls-key y":                   "--tls-cert x",
		"--model " + model + " --api-keys " + empty:                        empty + ": no API key",
		"--model " + model + " --listen 127.0.0.1:0 --pprof :0":            "want a loopback address",
		"--model " + model + " --listen 127.0.0.1:0 --queue 0":             "queue = 0",
		"--model " + model + " --listen 127.0.0.1:0 --deepstack-label x=y": "deepstack-label = x: no model has that class",
		"--model " + model + " --listen 127.0.0.1:0 --trusted-proxies x":   "trusted-proxies = [x]",
		"--model " + model + " --listen 127.0.0.1:0 --cors x":              "cors = x: must be an origin",
		"--model " + model + " --listen 127.0.0.1:0 --label-studio x":      "label-studio = x: want an http or https URL",
		"--model " + model + " --listen 127.0.0.1:0 --reload-every -1s":    "reload-every = -1s: must be at least 0",
		"--model x --memory 1":                                             "--memory 1: want at least 293 MiB for the largest body and image",
		"--model x --memory 292":                                           "--memory 292: want at least 293 MiB",
		"--model x --memory -1":                                            "--memory -1: want 1 to 1073741824",
		"--model x --max-megapixels 9300000000000":                         "--max-megapixels 9300000000000: want 1 to 1073741824",
		"--model x --max-body 9000000000000":                               "--max-body 9000000000000: want 1 to 1073741824",
		"--model x --max-body 0":                                           "--max-body 0: want 1 to",
		"--model x --max-body 1073741824 --max-megapixels 1073741824":      "--memory 1024: want at least 8291",
		"--model x --plan-memory 0":                                        "--plan-memory 0: want 1 to",
		"--model x --plan-memory -5":                                       "--plan-memory -5: want 1 to",
	} {
		t.Run(args, func(t *testing.T) {
			status, stdout, stderr := scalenet(append([]string{"serve"}, strings.Fields(args)...)...)
			require.Equal(t, 1, status)
			require.Empty(t, stdout)
			require.Contains(t, stderr, want)
		})
	}
}

// A model whose images need more memory than any machine has is an error, as is
// any other that does not load; it would end the server.
func TestServeModelThatDoesNotFit(t *testing.T) {
	m, err := detector.Load(tinyModel(t, t.TempDir()))
	require.NoError(t, err)
	o := serveOptions{device: deviceOptions{name: "cpu"}}
	_, closeAll, err := o.openModel(m)
	require.NoError(t, err)
	closeAll()
	m = m.WithTestSize(1<<19, 1<<20)
	_, _, err = o.openModel(m)
	require.ErrorContains(t, err, "the model, with images of 699072x524288 pixels, needs at least ")
	require.ErrorContains(t, err, "use smaller images (input.test_shorter, input.test_longest)")
}

// announced starts the verb in this process and waits for the address it prints.
func announced(t *testing.T, args ...string) (address string, end func() (status int, log string)) {
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	var log bytes.Buffer
	status := make(chan int, 1)
	go func() {
		status <- run(ctx, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...), in, &log)
		in.Close()
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err, "%s", &log)
	_, address, found := strings.Cut(strings.TrimSpace(line), " at ")
	require.True(t, found, line)
	return address, sync.OnceValues(func() (int, string) {
		cancel()
		return <-status, log.String()
	})
}

func TestServeTLSAndKeys(t *testing.T) {
	folder := t.TempDir()
	cert, key := writeCertificate(t, folder)
	keys := filepath.Join(folder, "keys")
	require.NoError(t, os.WriteFile(keys, []byte("# ours\nfirst,third\nsecond\n"), 0o600))
	address, end := announced(t, "--model", "cells="+tinyModel(t, folder), "--tls-cert", cert, "--tls-key", key, "--api-keys", keys, "--log-format", "json", "--pprof", "127.0.0.1:0")
	require.True(t, strings.HasPrefix(address, "https://127.0.0.1:"), address)
	roots := x509.NewCertPool()
	text, err := os.ReadFile(cert)
	require.NoError(t, err)
	roots.AppendCertsFromPEM(text)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	defer client.CloseIdleConnections()
	get := func(key string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/models", nil)
		require.NoError(t, err)
		r.Header.Set("X-API-Key", key)
		a, err := client.Do(r)
		require.NoError(t, err)
		a.Body.Close()
		return a.StatusCode
	}
	assert.Equal(t, []int{401, 200, 200}, []int{get(""), get("first,third"), get("second")})
	assert.Equal(t, []int{401, 401, 401}, []int{get("first"), get("third"), get("# ours")})
	status, log := end()
	assert.Zero(t, status, "it ends as it should")
	assert.Contains(t, log, `"msg":"draining"`)
	assert.NotContains(t, log, "second", "no key in the log")
}

// writeCertificate makes one for 127.0.0.1 that signs itself.
func writeCertificate(t *testing.T, folder string) (cert, key string) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	privateDER, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	cert, key = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: privateDER}), 0o600))
	return cert, key
}

// testAddressSpace: too low a limit is said, where a crash would come later.
func testAddressSpace(t *testing.T, program string) {
	out, err := exec.Command("sh", "-c", "ulimit -v 2000000; exec "+program+" serve --model none").CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 1, exit.ExitCode())
	require.Contains(t, string(out), "limited to 1953 MiB (ulimit -v), want at least 2048 MiB")
	require.Equal(t, 1, strings.Count(string(out), "\n"))
}

// testServeProcess sends real signals: SIGHUP reloads, SIGTERM ends with status
// 0 and answers what is in flight.
func testServeProcess(t *testing.T, program string) {
	c := exec.Command(program, "serve", "--model", tinyModel(t, t.TempDir()), "--listen", "127.0.0.1:0", "--drain-delay", "5s")
	stdout, err := c.StdoutPipe()
	require.NoError(t, err)
	stderr, err := c.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	defer c.Process.Kill()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	_, address, _ := strings.Cut(strings.TrimSpace(line), " at ")
	detect := func() (int, error) {
		image, err := os.Open("../../examples/BloodImage_00014.jpg")
		require.NoError(t, err)
		defer image.Close()
		a, err := http.Post(address+"/detect", "image/jpeg", image)
		if err != nil {
			return 0, err
		}
		a.Body.Close()
		return a.StatusCode, nil
	}
	status, err := detect()
	require.NoError(t, err)
	require.Equal(t, 200, status)
	page, err := http.Get(address + "/")
	require.NoError(t, err)
	page.Body.Close()
	require.Equal(t, 200, page.StatusCode)

	log := bufio.NewScanner(stderr)
	require.NoError(t, c.Process.Signal(syscall.SIGHUP))
	for log.Scan() && !strings.Contains(log.Text(), "msg=reloaded") {
	}
	require.Contains(t, log.Text(), "msg=reloaded")
	require.NoError(t, c.Process.Signal(syscall.SIGTERM))
	for log.Scan() && !strings.Contains(log.Text(), "msg=draining") {
	}
	status, err = detect()
	require.NoError(t, err, "it serves on during the delay")
	require.Equal(t, 200, status)
	rest, err := io.ReadAll(stderr)
	require.NoError(t, err)
	require.NoError(t, c.Wait(), "%s", rest)
}
