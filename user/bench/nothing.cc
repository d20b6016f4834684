// Ends as soon as it has begun: what it costs is what a process costs.
int main() {
  return 0;
}
