// A stage's command that the test controls: it reports its start over the socket and then does what it is told, one JSON order a line.
// It ends by itself when the test goes away, so that nothing outlives a test.
import { connect } from 'node:net';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';

const socket = connect(process.env.RIG_SOCKET);
socket.on('error', () => process.exit(99));
socket.on('close', () => process.exit(99));
socket.write(`${JSON.stringify({ started: process.argv[2], pid: process.pid })}\n`);

createInterface({ input: socket }).on('line', (line) => {
  const order = JSON.parse(line);
  switch (order.do) {
    case 'write':
      mkdirSync(dirname(order.path), { recursive: true });
      writeFileSync(order.path, order.text);
      break;
    case 'print':
      process.stdout.write(order.text);
      break;
    case 'ignore':
      process.on(order.signal, () => undefined);
      break;
    case 'exit':
      process.exit(order.code);
  }
  socket.write('{"done":true}\n');
});
