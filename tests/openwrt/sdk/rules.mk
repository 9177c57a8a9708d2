# Stands in for OpenWrt's SDK: reads a package's Makefile as make does, and prints what it says instead of building.
CP:=cp -fpR
FIND:=find
INSTALL_DIR:=install -d -m0755
INSTALL_BIN:=install -m0755
INSTALL_CONF:=install -m0600
INSTALL_DATA:=install -m0644
INCLUDE_DIR:=$(TOPDIR)/include
HOST_PYTHON3_BIN:=python3
all: $(SDK_TARGETS)
