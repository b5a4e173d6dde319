"""An OpenStack Swift with its S3 interface in one process, for tests: `python3 s3_server.py FOLDER PORT`.

Proxy, account, container and object servers listen on PORT to PORT + 3 of 127.0.0.1. Signatures are really checked. Prints "ready".
Objects are kept in memory, so that the file system needs no extended attributes.
"""

import os
import sys

folder, port = os.path.abspath(sys.argv[1]), int(sys.argv[2])
os.makedirs(f'{folder}/devices/d1', exist_ok=True)
with open(f'{folder}/swift.conf', 'w') as conf:
    conf.write(
        '[swift-hash]\nswift_hash_path_suffix = test\nswift_hash_path_prefix = test\n'
        '[storage-policy:0]\nname = only\ndefault = yes\n'
    )

import eventlet

eventlet.monkey_patch()

import swift.common.storage_policy as storage_policy
import swift.common.utils as utils

utils.SWIFT_CONF_FILE = storage_policy.SWIFT_CONF_FILE = f'{folder}/swift.conf'
try:
    import swift.common.utils.config as config

    config.SWIFT_CONF_FILE = f'{folder}/swift.conf'
except ImportError:
    pass
storage_policy.reload_storage_policies()
utils.validate_hash_conf()

from eventlet import wsgi
from swift.common.ring import RingBuilder
from swift.common.wsgi import loadapp

for name, offset in (('account', 1), ('container', 2), ('object', 3)):
    builder = RingBuilder(2, 1, 0)
    builder.add_dev(
        {'region': 1, 'zone': 1, 'ip': '127.0.0.1', 'port': port + offset, 'device': 'd1', 'weight': 1}
    )
    builder.rebalance()
    builder.get_ring().save(f'{folder}/{name}.ring.gz')

servers = {
    'proxy': 0,
    'account': 1,
    'container': 2,
    'object': 3,
}
common = f'swift_dir = {folder}\ndevices = {folder}/devices\nmount_check = false\nlog_level = ERROR\n'
for name in ('account', 'container', 'object'):
    use = 'mem_object' if name == 'object' else name
    with open(f'{folder}/{name}.conf', 'w') as conf:
        conf.write(f'[DEFAULT]\n{common}\n[pipeline:main]\npipeline = server\n[app:server]\nuse = egg:swift#{use}\n{common}\n')
with open(f'{folder}/proxy.conf', 'w') as conf:
    conf.write(
        f'[DEFAULT]\n{common}\n'
        '[pipeline:main]\npipeline = catch_errors proxy-logging cache listing_formats s3api tempauth bulk slo proxy-server\n'
        '[filter:catch_errors]\nuse = egg:swift#catch_errors\n'
        '[filter:proxy-logging]\nuse = egg:swift#proxy_logging\n'
        '[filter:cache]\nuse = egg:swift#memcache\nmemcache_servers = 127.0.0.1:1\n'
        '[filter:listing_formats]\nuse = egg:swift#listing_formats\n'
        '[filter:s3api]\nuse = egg:swift#s3api\ns3_acl = false\n'
        '[filter:tempauth]\nuse = egg:swift#tempauth\nuser_test_tester = testing .admin\n'
        '[filter:bulk]\nuse = egg:swift#bulk\n[filter:slo]\nuse = egg:swift#slo\n'
        f'[app:proxy-server]\nuse = egg:swift#proxy\nallow_account_management = true\naccount_autocreate = true\n{common}\n'
    )
for name, offset in servers.items():
    app = loadapp(f'{folder}/{name}.conf')
    eventlet.spawn(
        wsgi.server, eventlet.listen(('127.0.0.1', port + offset)), app, log=open(os.devnull, 'w'), max_size=64
    )
print('ready', flush=True)
while True:
    eventlet.sleep(3600)
