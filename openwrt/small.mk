# Where routerd and its libraries lie, and what keeps them small: byte code without docstrings, and without the columns
# of every instruction, is half of what it is with them. Lines keep their numbers, so logs show where an error was.
ROUTERD_DIR:=/usr/lib/routerd
PYTHON3_VARS+=PYTHONNODEBUGRANGES=1

define ROUTERD_SMALL
$(HOST_PYTHON3_BIN) $(CURDIR)/../without-docstrings.py $(PKG_INSTALL_DIR)$(ROUTERD_DIR)
endef
