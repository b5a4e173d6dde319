// Loaded with --import: the program under test believes that it runs on another machine.
import os, { cpus } from 'node:os';
import { syncBuiltinESMExports } from 'node:module';

const real = cpus();
os.cpus = () => real.map((cpu) => ({ ...cpu, model: 'Imaginary 9000' }));
os.arch = () => 'imaginary';
Object.defineProperty(process, 'arch', { value: 'imaginary' });
syncBuiltinESMExports();
