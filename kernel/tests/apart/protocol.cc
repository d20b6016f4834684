#include "kernel/tests/apart/protocol.h"

#include <sys/socket.h>

#include <cerrno>

namespace apart {

bool send(int socket, const Message& message) {
  ssize_t sent;
  do {
    sent = ::send(socket, &message, sizeof(message), MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent == sizeof(message);
}

bool receive(int socket, Message& message) {
  ssize_t got;
  do {
    got = ::recv(socket, &message, sizeof(message), 0);
  } while (got < 0 && errno == EINTR);
  if (got >= 0) errno = got == 0 ? 0 : EBADMSG;
  return got == sizeof(message);
}

}  // namespace apart
