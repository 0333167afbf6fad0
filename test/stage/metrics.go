package stage

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
)

// ControllerMetrics is what a controller exposes, read as Prometheus reads it: over
// HTTPS, with the token of Prometheus' service account.
func (s *Stage) ControllerMetrics(ctx context.Context, pod corev1.Pod) (string, error) {
	token, err := s.prometheusToken(ctx)
	if err != nil {
		return "", err
	}
	status, text, err := s.AskController(ctx, pod, token)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("the metrics of %s: %d: %s", pod.Name, status, text)
	}
	return text, err
}

// AskController asks a controller for its metrics with a bearer token, or without
// one if that is empty.
func (s *Stage) AskController(ctx context.Context, pod corev1.Pod, token string) (status int, text string, err error) {
	c := &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{DialContext: s.DialContext, DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // its certificate is signed by itself
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+net.JoinHostPort(pod.Status.PodIP, "8443")+"/metrics", nil)
	if err != nil {
		return 0, "", err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := c.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

// prometheusToken is a token of Prometheus' service account. It is kept, so that
// it is there while the API server is not.
func (s *Stage) prometheusToken(ctx context.Context) (string, error) {
	s.token.Lock()
	defer s.token.Unlock()
	if s.token.value == "" {
		value, err := s.Token(ctx, "monitoring", "prometheus")
		if err != nil {
			return "", err
		}
		s.token.value = value
	}
	return s.token.value, nil
}

// Token is a token of a service account, for a day.
func (s *Stage) Token(ctx context.Context, namespace, account string) (string, error) {
	of := &corev1.ServiceAccount{}
	of.Namespace, of.Name = namespace, account
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: new(int64(24 * time.Hour / time.Second))}}
	if err := s.Client.SubResource("token").Create(ctx, of, request); err != nil {
		return "", fmt.Errorf("a token of %s/%s: %w", namespace, account, err)
	}
	return request.Status.Token, nil
}
