// Command reader tells what a pod of the test cluster can see: the API with its
// own account, and a Service by its name.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	host, _ := os.Hostname()
	fmt.Println("greeting:", os.Args[1], "host:", host)
	// As controller-runtime does: $KUBECONFIG if set, else what is in the pod.
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		fmt.Println("config:", err)
		os.Exit(1)
	}
	client := kubernetes.NewForConfigOrDie(config)
	// Its right is as old as it is: the API server may hear of it a moment later.
	pods, err := client.CoreV1().Pods("shop").List(context.Background(), meta.ListOptions{LabelSelector: "app=web"})
	for end := time.Now().Add(time.Minute); apierrors.IsForbidden(err) && time.Now().Before(end); time.Sleep(time.Second) {
		pods, err = client.CoreV1().Pods("shop").List(context.Background(), meta.ListOptions{LabelSelector: "app=web"})
	}
	fmt.Println("pods:", err == nil && len(pods.Items) > 0, err)
	_, err = client.CoreV1().Secrets("shop").List(context.Background(), meta.ListOptions{})
	fmt.Println("secrets:", err == nil, err)
	response, err := http.Get(os.Args[2])
	fmt.Println("service:", err == nil && response.StatusCode == http.StatusOK, err)
}
